"""Speed of whole models, ours and the same in PyTorch, ONNX Runtime and OpenVINO, on a CPU.

  python -m benchmarks.model_speed
  python -m benchmarks.model_speed --quick
  python -m benchmarks.model_speed --runtimes=tensorflow --presets=tsn_resnet50,gsf_resnet50

One clip and four (GSF-ResNet50 also trains with two), inference and training, TSN, TSM, GSM, GSF
and RubiksNet, each candidate in turn within every round. Each runtime is a process with as many
threads. The others' networks are the tests' PyTorch twins, fed with normalized frames, while ours
normalize the clip themselves; where there is a twin, ours has its weights, and outputs that differ
end the benchmark. A runtime that is not installed (`pip install -e '.[bench]'`) is left out with a
line that says so.

The table has medians in milliseconds, and the goals with their results; both go to the terminal,
with --docs to a Markdown file and with --csv to a CSV file.
"""

import contextlib
import pathlib
import tempfile

import numpy as np
from absl import flags

from benchmarks import speed_report
from benchmarks.docs_flag import DOCS
from benchmarks.input_flags import IMAGE_SIZE, NUM_SEGMENTS, THREADS
from benchmarks.interleave import interleave
from benchmarks.model_runs import GOALS, PRESETS, RUNTIMES, make_groups
from benchmarks.quiet_machine import check_quiet, load_line, others_percent
from benchmarks.runtimes.model_run import RunSettings
from benchmarks.runtimes.runtime_process import runtime_processes
from gsf_tf.errors import UserError
from trainers import cli

_PRESETS = flags.DEFINE_list("presets", list(PRESETS), "Only these presets.")
_RUNTIMES = flags.DEFINE_list("runtimes", list(RUNTIMES), "Only these runtimes.")
_QUICK = flags.DEFINE_boolean("quick", False, "One clip, two rounds, nothing compiled by PyTorch.")
_CSV = flags.DEFINE_string("csv", None, "File for the milliseconds of every candidate.")
for name in ("image_size", "num_segments", "threads", "docs"):
    flags.declare_key_flag(name)

HEADER = ("Model", "Runtime", "Form", "Pass", "Clips", "Median ms", "Lowest ms", "Rounds")
# Largest difference of the logits, over the largest logit.
TOLERANCE = 1e-3


def main(_):
    console = cli.console()
    percent = others_percent()
    check_quiet(percent, DOCS.value)
    check_runtimes(_RUNTIMES.value)
    groups = make_groups(_PRESETS.value, _RUNTIMES.value, _QUICK.value)
    rows, verdicts = [], []
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        progress = stack.enter_context(cli.progress(console))
        settings = RunSettings(
            pathlib.Path(folder), THREADS.value, IMAGE_SIZE.value, NUM_SEGMENTS.value
        )
        calls = sum(len(group.runs) * (group.rounds + 2) for group in groups)
        task = progress.add_task("Timing", total=calls, info="")

        def advance(name):
            progress.update(task, info=name)
            progress.advance(task)

        names = [name for name in RUNTIMES if name in _RUNTIMES.value]
        processes = stack.enter_context(runtime_processes(names, settings, progress.console.print))
        for group in groups:
            seconds = time_group(group, settings, processes, advance)
            rows += [_row(run, seconds[run.name]) for run in group.runs if run.name in seconds]
            verdicts += [
                (*goal.verdict(seconds), group.mode, group.batch)
                for goal in GOALS
                if goal.candidate in seconds and goal.applies_to(group)
            ]
    report = "\n\n".join(
        [
            speed_report.machine(THREADS.value),
            load_line(percent),
            speed_report.markdown_table(HEADER, rows),
            speed_report.markdown_table(
                ("Ratio of times", "Goal", "Result", "", "Pass", "Clips"), verdicts
            ),
        ]
    )
    console.print(report)
    if DOCS.value:
        speed_report.replace_section(DOCS.value, "model_speed", report)
    if _CSV.value:
        speed_report.write_csv(
            _CSV.value,
            ("preset", "runtime", "form", "pass", "clips", "median_ms", "lowest_ms", "rounds"),
            rows,
        )
        console.print(f"Milliseconds are in {_CSV.value}")


def check_runtimes(runtimes):
    """Checks the names of runtimes; raises a `UserError` for a set that cannot run."""
    unknown = set(runtimes) - set(RUNTIMES)
    if unknown or "tensorflow" not in runtimes:
        raise UserError(
            f"--runtimes must name some of {', '.join(RUNTIMES)}, tensorflow among them, for the "
            f"others get their input from it. Received: {','.join(runtimes)}"
        )
    if "pytorch" not in runtimes and set(runtimes) != {"tensorflow"}:
        raise UserError(
            "--runtimes must name pytorch with onnxruntime or openvino, whose files it writes. "
            f"Received: {','.join(runtimes)}"
        )


def time_group(group, settings, processes, advance):
    """Prepares the runs of a group in the processes of their runtimes and times them."""
    # PyTorch writes the ONNX files, so without it nothing runs them.
    runs = [
        run
        for run in group.runs
        if run.runtime in processes and (run.form != "onnx" or "pytorch" in processes)
    ]
    write_files(settings, processes, runs, group.batch)
    logits = {}
    for run in runs:
        logits[run] = processes[run.runtime].call("prepare", run)
        advance(run.name)
    check_agreement(logits)
    candidates = {run.name: lambda run=run: processes[run.runtime].seconds(run) for run in runs}
    seconds = interleave(candidates, group.rounds, advance)
    for process in processes.values():
        process.call("release")
    return seconds


def write_files(settings, processes, runs, batch):
    """Has the runtimes write what others of them read: weights, clips, frames, ONNX files."""
    twins = list(dict.fromkeys(run.preset for run in runs if run.runtime != "tensorflow"))
    for preset in twins:
        if not settings.checkpoint(preset).exists():
            processes["pytorch"].call("write_checkpoint", preset)
    processes["tensorflow"].call("write_inputs", twins, batch)
    for preset in dict.fromkeys(run.preset for run in runs if run.form == "onnx"):
        processes["pytorch"].call("write_onnx", preset, batch)


def check_agreement(logits):
    """Checks that all runs of a preset gave the same logits.

    Raises:
        UserError: If two of them differ.
    """
    first = {}
    for run, values in logits.items():
        if values is None:
            continue
        reference, expected = first.setdefault(run.preset, (run, values))
        difference = float(np.max(np.abs(values - expected)) / np.max(np.abs(expected)))
        if not difference <= TOLERANCE:
            raise UserError(
                "What is compared must give the same logits. "
                f"Received: {difference:.2e} of the largest logit between {reference.name} and "
                f"{run.name} (allowed: {TOLERANCE:.0e})."
            )


def _row(run, seconds):
    milliseconds = 1e3 * np.asarray(seconds)
    return (
        *(run.preset, run.runtime, run.form, run.mode, run.batch),
        *(f"{np.median(milliseconds):.1f}", f"{milliseconds.min():.1f}", len(milliseconds)),
    )


if __name__ == "__main__":
    cli.run(main)
