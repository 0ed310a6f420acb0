"""What a frame of a stream costs: time, delay and memory.

  python -m benchmarks.streaming_speed --docs=docs/streaming.md --csv=streaming.csv
  python -m benchmarks.streaming_speed --models=tsm_mobilenetv2:causal --memory_frames=0

A model is PRESET:causal or PRESET:delayed. One stream of random frames. Each round times, one after
the other: a step of `StreamingModel`; the backbone without temporal layers (`tsn_*`) on one frame;
both with constants for their weights, as `gsf-tf watch` uses them ("frozen"); a step of
`SlidingWindowModel`; and the whole clip through the model, as without a state. The columns are
medians over the rounds; "x backbone" is the median of the ratios within the rounds. The delay is
that from a frame to its answer at --rate frames per second: the look-ahead and a step.
When all are timed, --memory_frames steps of each of --memory_models run, and the resident memory of
the process is read after a tenth of them and at the end; other work may run then. With --docs the
machine must have nothing else to do at the start.
"""

import tensorflow as tf
from absl import flags

from benchmarks.docs_flag import DOCS
from benchmarks.quiet_machine import check_quiet, load_line, others_percent
from benchmarks.speed_report import machine, markdown_table, replace_section, write_csv
from benchmarks.streaming_runs import HEADER, measure, memory_columns
from trainers import cli

MODELS = (
    "tsm_mobilenetv2:causal",
    "gsf_mobilenetv2:causal",
    "tsm_mobilenetv2:delayed",
    "gsf_mobilenetv2:delayed",
    "gsf_resnet50:causal",
    "gsf_resnet50:delayed",
)
MEMORY_MODELS = MODELS[:4]
_MODELS = flags.DEFINE_list("models", list(MODELS), "PRESET:causal or PRESET:delayed, with commas.")
_SIZE = flags.DEFINE_integer("size", 224, "Height and width of a frame.", lower_bound=32)
_SEGMENTS = flags.DEFINE_integer("segments", 8, "Frames of a clip.", lower_bound=1)
_ROUNDS = flags.DEFINE_integer("rounds", 50, "Rounds that are timed.", lower_bound=1)
_RATE = flags.DEFINE_float("rate", 8.0, "Frames per second of the stream, for the delay.")
_MEMORY_FRAMES = flags.DEFINE_integer("memory_frames", 10_000, "Frames for the memory; 0 for none.")
_MEMORY_MODELS = flags.DEFINE_list(
    "memory_models", list(MEMORY_MODELS), "Those of --models whose memory is watched."
)
_CSV = flags.DEFINE_string("csv", None, "File of the same figures.")


def main(_):
    busy = others_percent()
    check_quiet(busy, DOCS.value)
    rows = [time_model(name) for name in _MODELS.value]
    rows = [row + memory_of(row[0]) for row in rows]
    threads = tf.config.threading.get_intra_op_parallelism_threads() or "default"
    text = f"{machine(threads)} {load_line(busy)}\n\n{markdown_table(HEADER, rows)}"
    print(text)
    if _CSV.value:
        write_csv(_CSV.value, HEADER, rows)
    if DOCS.value:
        replace_section(DOCS.value, "streaming_speed", text)


def time_model(name):
    row = measure(name, _SIZE.value, _SEGMENTS.value, _ROUNDS.value, _RATE.value)
    print(markdown_table(HEADER[: len(row)], [row]), flush=True)
    return row


def memory_of(name):
    if not _MEMORY_FRAMES.value or name not in _MEMORY_MODELS.value:
        return "-", "-"
    return memory_columns(name, _SIZE.value, _SEGMENTS.value, _MEMORY_FRAMES.value)


if __name__ == "__main__":
    cli.run(main)
