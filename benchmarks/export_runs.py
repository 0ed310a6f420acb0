"""What `benchmarks.export_speed` times: models, the forms of their exports, and the goals."""

import dataclasses
import time

import numpy as np

from benchmarks.interleave import interleave
from benchmarks.runtimes.model_run import HARDENED, ModelRun
from benchmarks.runtimes.runtime_process import (
    EndedProcessError,
    RuntimeProcess,
    runtime_processes,
)
from benchmarks.speed_goal import SpeedGoal
from gsf_tf.errors import UserError

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


def check_names(models, forms):
    """Raises a `UserError` if a model or a form is unknown, or there is none."""
    for what, names, known in (("models", models, MODELS), ("forms", forms, FORMS)):
        unknown = [name for name in names if name not in known]
        if unknown or not names:
            raise UserError(
                f"--{what} must name some of {', '.join(known)}. "
                f"Received: --{what}={','.join(names)}"
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


def measure(runs, settings, rounds, limit, until, report, advance):
    """Writes the exports, compares each with the model, and times them in turn.

    Args:
        runs: As `runs_of` returns them.
        settings: `RunSettings`.
        rounds: Rounds that are timed.
        limit: Seconds that the making of one export may take, and its loading.
        until: Time of `time.monotonic` at which no more exports are made, and no round begins but
            the first.
        report: Function of a line about what is not measured.
        advance: Function of a name, called after every step, of which there are `rounds + 3` for
            each run.

    Returns:
        A list of `Timing`.
    """
    with _Exporter(settings, limit, until) as exporter:
        names = list(dict.fromkeys(run.runtime for run in runs.values()))
        twins = {run.preset for key, run in runs.items() if has_twin(run.preset)}
        if twins and "pytorch" not in names:
            names.append("pytorch")  # It draws the weights.
        with runtime_processes(names, settings, report) as processes:
            ready, differences = {}, {}
            _write_inputs(processes, exporter, settings, sorted(twins))
            for key, run in runs.items():
                if run.runtime not in processes:
                    continue
                try:
                    exporter.write(key, processes)
                    advance(" ".join(key))
                    differences[key] = _difference(key, run, settings, processes, limit)
                    ready[key] = run
                except (UserError, EndedProcessError) as error:
                    report(f"{' in the form '.join(key)} is not measured: {error}")
                advance(" ".join(key))
            # A runtime whose process was ended has lost what it had prepared.
            ready = {key: run for key, run in ready.items() if processes[run.runtime].is_alive}
            seconds = _timed(ready, processes, rounds, limit, until, advance)
    return [
        Timing(*key, seconds[key], _megabytes(settings, key), differences[key]) for key in ready
    ]


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


class _Exporter:
    """The process that writes exports; a new one after an export that took too long."""

    def __init__(self, settings, limit, until):
        self._settings, self._limit, self._until = settings, limit, until
        self._process = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._process is not None:
            self._process.close()

    def call(self, method, *arguments):
        if self._process is None or not self._process.is_alive:
            self._process = RuntimeProcess("exporter", self._settings)
        return self._process.call(method, *arguments, limit=self._limit)

    def write(self, key, processes):
        """Writes the export of a model in a form, and the model's logits."""
        model, name = key
        if time.monotonic() > self._until:
            raise UserError(
                "An export must be begun in the time of --minutes. Received: it is over. Allow "
                "more, or name fewer models and forms."
            )
        self.call("write", model, "logits")
        if FORMS[name].file is not None:
            self.call("write", model, FORMS[name].file)
        elif name == "onnx_twin":
            processes["pytorch"].call("write_onnx", model, 1, limit=self._limit)


def _write_inputs(processes, exporter, settings, twins):
    for preset in twins:
        processes["pytorch"].call("write_checkpoint", preset)
    exporter.call("write_inputs", twins, 1)


def _difference(key, run, settings, processes, limit):
    """Prepares a run and returns how far it is from the model; raises a `UserError` if too far."""
    logits = processes[run.runtime].call("prepare", run, limit=limit)
    expected, bound = np.load(settings.logits(run.preset)), FORMS[key[1]].bound
    difference = float(np.max(np.abs(logits - expected)) / np.max(np.abs(expected)))
    if not difference <= bound:
        raise UserError(
            "What is timed must give the logits of the model. "
            f"Received: {difference:.1e} of the largest logit (allowed: {bound:.0e})."
        )
    return difference


def _timed(runs, processes, rounds, limit, until, advance):
    candidates = {
        key: lambda run=run: processes[run.runtime].rested("times", run, limit)
        for key, run in runs.items()
    }
    if not candidates:
        return {}
    try:
        return interleave(candidates, rounds, lambda key: advance(" ".join(key)), until)
    except EndedProcessError as error:
        raise UserError(f"What was compared must run again. {error}") from error


def _megabytes(settings, key):
    model, name = key
    if FORMS[name].file is None:
        return None
    path = settings.export(model, FORMS[name].file)
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files) / 1e6
