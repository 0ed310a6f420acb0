import dataclasses
import pathlib

# `rubiksnet_tiny_hardened` is `rubiksnet_tiny_aq` with integer shifts.
HARDENED = "_hardened"


@dataclasses.dataclass(frozen=True)
class ModelRun:
    """One candidate of `benchmarks.model_speed`.

    Attributes:
        runtime: Module of `benchmarks.runtimes` that runs it.
        form: How the runtime runs it, a key of that module.
        preset: Name of the preset.
        mode: `"inference"` or `"training"`.
        batch: Clips.
    """

    runtime: str
    form: str
    preset: str
    mode: str = "inference"
    batch: int = 1

    @property
    def name(self):
        return f"{self.preset} {self.runtime} {self.form}"

    def __str__(self):
        return self.name


@dataclasses.dataclass(frozen=True)
class RunSettings:
    """What all runtimes have in common.

    Attributes:
        folder: Where they exchange clips, checkpoints and ONNX files.
        threads: Threads of each.
        image_size: Pixels.
        num_segments: Frames of a clip.
        num_classes: Outputs of a model.
    """

    folder: pathlib.Path
    threads: int
    image_size: int
    num_segments: int
    num_classes: int = 174

    def checkpoint(self, preset):
        """The twin's weights, as its authors' code stores them."""
        return self.folder / f"{preset}.pth.tar"

    def onnx(self, preset, batch):
        return self.folder / f"{preset}_{batch}.onnx"

    def clips(self, batch):
        """uint8 `[batch, T, H, W, 3]`."""
        return self.folder / f"clips_{batch}.npy"

    def frames(self, preset, batch):
        """The same, normalized for the preset's backbone: `[batch * T, 3, H, W]`."""
        return self.folder / f"frames_{preset.split('_')[1]}_{batch}.npy"

    def export(self, preset, kind):
        """An export of a model: a file, or the folder of a SavedModel."""
        return self.folder / f"{preset}_{kind}"

    def logits(self, preset):
        """The logits of a model for one clip."""
        return self.folder / f"{preset}_logits.npy"
