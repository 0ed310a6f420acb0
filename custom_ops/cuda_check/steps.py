"""The steps of the check, in order."""

import dataclasses
import importlib


@dataclasses.dataclass(frozen=True)
class Step:
    """One step.

    Attributes:
        title: What it does.
        file: Name of the module of this package that does it: it has `PARTS` and `run`.
        seconds: Its time budget.
        together: Whether its parts run at the same time; what is timed runs alone.
    """

    title: str
    file: str
    seconds: int
    together: bool

    def module(self):
        return importlib.import_module(f"custom_ops.cuda_check.{self.file}")


STEPS = {
    "build": Step("compile the kernels", "build", 100, True),
    "check": Step("compare with float64 references", "checks", 80, True),
    "sanitize": Step("memcheck and racecheck", "sanitizer", 80, True),
    "kernels": Step("time the kernels beside a copy", "kernel_speed", 60, False),
    "pytorch": Step("time the same layers in PyTorch", "pytorch_speed", 100, False),
    "networks": Step("time GSF-ResNet50 beside TSN-ResNet50", "networks", 50, False),
}
