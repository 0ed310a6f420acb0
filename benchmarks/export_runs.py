"""The measurements of `benchmarks.export_speed`: exports are written, compared and timed."""

import time

import numpy as np

from benchmarks.export_forms import FORMS, MODELS, Timing, has_twin
from benchmarks.interleave import interleave
from benchmarks.runtimes.runtime_process import (
    EndedProcessError,
    RuntimeProcess,
    runtime_processes,
)
from gsf_tf.errors import UserError


def check_names(models, forms):
    """Raises a `UserError` if a model or a form is unknown, or there is none."""
    for what, names, known in (("models", models, MODELS), ("forms", forms, FORMS)):
        unknown = [name for name in names if name not in known]
        if unknown or not names:
            raise UserError(
                f"--{what} must name some of {', '.join(known)}. "
                f"Received: --{what}={','.join(names)}"
            )


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
            if "pytorch" not in processes:
                twins = set()  # The exporter draws the weights then, and no twin is timed.
                runs = {key: run for key, run in runs.items() if not FORMS[key[1]].of_twin}
            _write_inputs(processes, exporter, settings, sorted(twins))
            for key, run in runs.items():
                if run.runtime not in processes:
                    continue
                try:
                    exporter.write(key, processes)
                    advance(" ".join(key))
                    differences[key] = _difference(key, run, settings, processes, limit)
                    ready[key] = run
                except Exception as error:  # Of any runtime: the others are measured.
                    report(f"{_title(key)} is not measured: {error or type(error).__name__}")
                advance(" ".join(key))
            # A runtime whose process was ended has lost what it had prepared.
            for key in [key for key, run in ready.items() if not processes[run.runtime].is_alive]:
                report(f"{_title(key)} is not measured: the process of its runtime was ended.")
                del ready[key]
            try:
                seconds = _timed(ready, processes, rounds, limit, until, advance)
            except EndedProcessError as error:
                report(f"{', '.join(map(_title, ready))}: not measured. {error}")
                return []
    return [
        Timing(*key, seconds[key], _megabytes(settings, key), differences[key]) for key in ready
    ]


def _title(key):
    return " in the form ".join(key)


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
    return interleave(candidates, rounds, lambda key: advance(" ".join(key)), until)


def _megabytes(settings, key):
    model, name = key
    if FORMS[name].file is None:
        return None
    path = settings.export(model, FORMS[name].file)
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files) / 1e6
