"""The steps of the check, in order."""

import dataclasses
import importlib


@dataclasses.dataclass(frozen=True)
class Step:
    """One step.

    Attributes:
        title: What it does.
        file: Name of the module of this package that does it. It has a function `run` and `PARTS`,
            the names of the parts and their shares of the time where they run one after another.
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
    "build": Step("compile the kernels", "build", 60, True),
    "check": Step("compare with float64 references", "checks", 60, True),
    "sanitize": Step("memcheck and racecheck", "sanitizer", 70, True),
    "kernels": Step("time the kernels beside a copy", "kernel_speed", 50, False),
    "pytorch": Step("time the same layers in PyTorch", "pytorch_speed", 160, False),
    "networks": Step("time GSF-ResNet50 beside TSN-ResNet50", "networks", 60, False),
}
