"""Speed of the temporal modules and shifts at the sizes they have in the models.

  python -m benchmarks.op_speed
  python -m benchmarks.op_speed --quick

Takes every kind of temporal layer, at every size of map that it has in the presets for one clip,
and times it compiled, on the reference path (the best form in plain TensorFlow) and beside a copy
of its input: forward, and forward with backward. The copy is TensorFlow's own, in a graph of the
same kind with the same threads. GSF's forward pass is that of inference, with its gradients that
of training.

The table has milliseconds per call, medians over the rounds, and the goals with their results; both
go to the terminal, with --docs to a Markdown file and with --csv, all candidates, to a CSV file.
"""

import tensorflow as tf
from absl import flags

from benchmarks import speed_report
from benchmarks.docs_flag import DOCS
from benchmarks.input_flags import IMAGE_SIZE, NUM_SEGMENTS, THREADS
from benchmarks.interleave import interleave, median_ratio
from benchmarks.layer_case import PASSES, find_cases, make_candidate
from benchmarks.quiet_machine import check_quiet, load_line, others_percent
from benchmarks.speed_goal import SpeedGoal
from gsf_tf import ops
from trainers import cli

_PRESETS = flags.DEFINE_list(
    "presets",
    [
        *("tsm_resnet50", "gsf_resnet50", "gsf_resnet50_ms", "gsf_bninception"),
        *("rubiksnet_tiny", "rubiksnet_large"),
    ],
    "Where the layers and their sizes are from.",
)
_ROUNDS = flags.DEFINE_integer("rounds", 25, "Rounds.", lower_bound=1)
_QUICK = flags.DEFINE_boolean("quick", False, "Five rounds; nothing is written unless asked for.")
_CSV = flags.DEFINE_string("csv", None, "File for the milliseconds of every candidate.")
for name in ("image_size", "num_segments", "threads", "docs"):
    flags.declare_key_flag(name)

CANDIDATES = ("compiled", "reference", "copy")
HEADER = ("Layer", "Map", "Stride", "Pass", *CANDIDATES, "copy / compiled", "reference / compiled")
# Where a map of eight frames exceeds the last cache, and so is bound by memory.
LARGE_MAP = 112
COPY_LIMITS = {True: 1 / 0.5, False: 1 / 0.25}


def main(_):
    tf.config.threading.set_intra_op_parallelism_threads(THREADS.value)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    console = cli.console()
    percent = others_percent()
    check_quiet(percent, DOCS.value)
    rounds = 5 if _QUICK.value else _ROUNDS.value
    cases = find_cases(_PRESETS.value, IMAGE_SIZE.value, NUM_SEGMENTS.value)
    compiled = set()
    for status in ops.op_status():
        if status.implementation == "compiled":
            compiled.add(status.op)
        else:
            console.print(f"{status.op} is not measured compiled: {status.reason}")

    seconds = {}
    with cli.progress(console) as progress:
        calls = sum(len(_candidates(case, compiled)) for case in cases) * (rounds + 1)
        task = progress.add_task("Timing", total=calls, info="")
        for case in cases:
            progress.update(task, info=case.name)
            candidates = {
                (name, passes): make_candidate(case, name, passes)
                for name, passes in _candidates(case, compiled)
            }
            found = interleave(candidates, rounds, lambda _: progress.advance(task))
            seconds |= {(case, *key): values for key, values in found.items()}

    goals = [goal.verdict(seconds) for goal in make_goals(cases)]
    report = "\n\n".join(
        [
            speed_report.machine(THREADS.value),
            load_line(percent),
            speed_report.markdown_table(HEADER, table_rows(cases, seconds)),
            speed_report.markdown_table(("Ratio of times", "Goal", "Result", ""), goals),
        ]
    )
    console.print(report)
    if DOCS.value:
        speed_report.replace_section(DOCS.value, "op_speed", report)
    if _CSV.value:
        write_csv(_CSV.value, seconds)
        console.print(f"Milliseconds are in {_CSV.value}")


def _candidates(case, compiled):
    """The pairs of candidate and pass that a case has."""
    names = ["compiled", "reference"] if case.op in compiled else ["reference"]
    return [*((name, passes) for name in names for passes in PASSES), ("copy", PASSES[0])]


def table_rows(cases, seconds):
    """A row of text per case and pass; the copy stands beside both passes."""
    rows = []
    for case in cases:
        for passes in PASSES:
            times = {
                "compiled": seconds.get((case, "compiled", passes)),
                "reference": seconds[case, "reference", passes],
                "copy": seconds[case, "copy", PASSES[0]],
            }
            rows.append(
                (case.layer, case.map, case.strides, passes)
                + tuple(_milliseconds(times[name]) for name in CANDIDATES)
                + tuple(_ratio(times[name], times["compiled"]) for name in ("copy", "reference"))
            )
    return rows


def make_goals(cases):
    """The goals of RubiksShift, per map: against the copy, the reference and the forward pass."""
    goals = []
    forward, both = PASSES
    for case in cases:
        if case.op != "rubiks_shift" or case.strides != 1:
            continue
        candidate = (case, "compiled", forward)
        for text, numerator, rival, limit in (
            ("copy", candidate, (case, "copy", forward), COPY_LIMITS[case.height >= LARGE_MAP]),
            ("reference", candidate, (case, "reference", forward), 1 / 3),
            ("forward, with backward", (case, "compiled", both), candidate, 4.0),
        ):
            goals.append(SpeedGoal(f"{case.name} / {text}", numerator, (rival,), limit))
    return goals


def write_csv(path, seconds):
    rows = [
        (case.op, case.layer, case.map, case.strides, case.uses, passes, candidate)
        + (f"{1e3 * sorted(values)[len(values) // 2]:.4f}", f"{1e3 * min(values):.4f}", len(values))
        for (case, candidate, passes), values in seconds.items()
    ]
    header = ("op", "layer", "map", "strides", "uses", "pass", "candidate")
    speed_report.write_csv(path, (*header, "median_ms", "lowest_ms", "rounds"), rows)


def _milliseconds(values):
    return "-" if values is None else f"{1e3 * sorted(values)[len(values) // 2]:.3f}"


def _ratio(numerator, denominator):
    return "-" if denominator is None else f"{median_ratio(numerator, denominator):.2f}"


if __name__ == "__main__":
    cli.run(main)
