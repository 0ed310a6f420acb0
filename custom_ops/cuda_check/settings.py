"""What the command was asked to do, as its processes hand it on."""

import dataclasses
import json
import pathlib


@dataclasses.dataclass(frozen=True)
class Settings:
    """What was asked for.

    Attributes:
        output: Folder of the report.
        steps: Names of the steps, in order.
        library: File of compiled kernels; empty, and the step `build` makes it.
        nvcc: The compiler, a program or its path.
        cuda_home: Folder of the CUDA toolkit.
        clips: Clips per batch in what is timed; the first number is that of the goals.
        dtypes: Element types in what is timed.
        minutes: Limit of all steps together.
        rehearse: Whether nothing is launched on a GPU.
        small: Whether only the small cases are checked.
    """

    output: str
    steps: tuple[str, ...]
    library: str = ""
    nvcc: str = "nvcc"
    cuda_home: str = "/usr/local/cuda"
    clips: tuple[int, ...] = (16, 1)
    dtypes: tuple[str, ...] = ("float32", "bfloat16")
    minutes: float = 8.0
    rehearse: bool = False
    small: bool = False

    def kernels_file(self):
        """Returns the path of the compiled kernels."""
        return pathlib.Path(self.library or pathlib.Path(self.output) / "gsf_tf_kernels.so")

    def save(self, path):
        path.write_text(json.dumps(dataclasses.asdict(self)))

    @classmethod
    def load(cls, path):
        values = json.loads(pathlib.Path(path).read_text())
        return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})
