"""What `benchmarks.export_speed` times: models, the forms of their exports, and the goals: data.

Nothing here imports TensorFlow: the processes of other runtimes import the program too, and so
start at once.
"""

import dataclasses

import numpy as np

from benchmarks.runtimes.model_run import HARDENED, ModelRun
from benchmarks.speed_goal import SpeedGoal

# The largest difference of the logits from the model's, over the largest logit.
FLOAT, HALF, INT8 = 1e-3, 0.1, 0.5


@dataclasses.dataclass(frozen=True)
class ExportForm:
    """A way to run a model.

    Attributes:
        runtime: Module of `benchmarks.runtimes`.
        form: How the runtime runs it.
        file: What the exporter writes for it, or None.
        bound: The largest difference from the model that is allowed.
        of_twin: Whether it runs the PyTorch twin and not our model.
    """

    runtime: str
    form: str
    file: str | None
    bound: float = FLOAT
    of_twin: bool = False


FORMS = {
    "saved_model": ExportForm("saved_model", "saved_model", "saved_model"),
    "compiled": ExportForm("saved_model", "compiled", "compiled"),
    "bfloat16": ExportForm("saved_model", "bfloat16", "bfloat16", HALF),
    "litert": ExportForm("litert", "float32", "float32"),
    "litert_int8": ExportForm("litert", "int8", "int8", INT8),
    "onnx": ExportForm("onnxruntime", "export", "onnx"),
    "onnx_twin": ExportForm("onnxruntime", "onnx", None, of_twin=True),
    "openvino": ExportForm("openvino", "f32", "saved_model"),
    "openvino_bfloat16": ExportForm("openvino", "bf16", "saved_model", HALF),
    "torch_compile": ExportForm("pytorch", "compile", None, of_twin=True),
}
RESNETS = tuple(f"{method}_resnet50" for method in ("tsn", "tsm", "gsm", "gsf"))
RUBIKSNETS = tuple(
    f"rubiksnet_{tier}{kind}" for tier in ("tiny", "large") for kind in ("", "_aq", HARDENED)
)
MODELS = RESNETS + RUBIKSNETS
# Models that are compared are in memory at the same time. TensorFlow takes more than a gigabyte for
# each frozen SavedModel of a ResNet-50.
COMPARED = (("tsn_resnet50", "gsf_resnet50"), ("tsm_resnet50", "gsm_resnet50"), RUBIKSNETS)
HEADER = ("Model", "Form", "ms", "Processor ms", "MB", "Difference", "Rounds")


def _goal(text, candidate, rival, limit):
    return SpeedGoal(text, candidate, (rival,), limit)


GOALS = [
    _goal("GSF / TSN", "gsf_resnet50 saved_model", "tsn_resnet50 saved_model", 1.12),
    _goal("GSF / ONNX Runtime", "gsf_resnet50 saved_model", "gsf_resnet50 onnx_twin", 0.85),
    *(
        _goal(
            f"{tier.title()}, hardened / {text}",
            f"rubiksnet_{tier}{HARDENED} saved_model",
            f"rubiksnet_{tier}{kind} saved_model",
            1.0,
        )
        for tier in ("tiny", "large")
        for kind, text in (("", "interpolated"), ("_aq", "attention"))
    ),
    *(
        _goal(f"bfloat16 / float32, {model}", f"{model} bfloat16", f"{model} saved_model", 1.0)
        for model in ("tsn_resnet50", "gsf_resnet50")
    ),
]


@dataclasses.dataclass(frozen=True)
class Timing:
    """What was measured of a model in a form.

    Attributes:
        model, form: Their names.
        seconds: `[rounds, 2]`, by the clock and of all processors.
        megabytes: Size of the export, or None.
        difference: The largest one of the logits from the model's, over the largest logit.
    """

    model: str
    form: str
    seconds: np.ndarray
    megabytes: float | None
    difference: float

    @property
    def cells(self):
        """Its row in the table."""
        clock, busy = 1e3 * np.median(self.seconds, axis=0)
        size = "-" if self.megabytes is None else f"{self.megabytes:.1f}"
        return (
            *(self.model, self.form, f"{clock:.1f}", f"{busy:.1f}", size),
            *(f"{self.difference:.1e}", len(self.seconds)),
        )


def runs_of(models, forms):
    """Returns the `ModelRun` of every model in every form that it has, by (model, form).

    RubiksNet has no twin that could be timed: that of the tests gathers each corner. Of its
    variants with attention only our own export in float32 is compared.
    """
    runs = {}
    for model in models:
        for name in forms:
            form, is_rubiksnet = FORMS[name], model.startswith("rubiksnet")
            is_variant = is_rubiksnet and model.endswith(("_aq", HARDENED))
            if (is_rubiksnet and form.of_twin) or (is_variant and name != "saved_model"):
                continue
            runs[model, name] = ModelRun(form.runtime, form.form, model)
    return runs


def has_twin(model):
    """Returns whether the tests have a PyTorch twin of a model that can be timed."""
    return not model.startswith("rubiksnet")


def verdicts(timings):
    """Returns the rows of the goals: the ratios by the clock and of processor time."""
    rows = []
    for goal in GOALS:
        cells = []
        for column in (1, 0):
            times = {f"{t.model} {t.form}": t.seconds[:, column] for t in timings}
            text, limit, ratio, verdict = goal.verdict(times)
            cells += [ratio, verdict]
        if cells[0] != "-":
            rows.append((text, limit, *cells))
    return rows
