"""The GSF paper's Table 12: latency of one clip of 8 frames, the paper's figure beside ours.

  python -m benchmarks.latency
  python -m benchmarks.latency --presets=tsm_resnet50,gsf_resnet50 --precisions=float32
  python -m benchmarks.latency --docs=docs/performance.md

TSN, TSM, GST, GSM and GSF on ResNet-50 and RubiksNet-Large, each in float32, in bfloat16 and, on a
GPU, in float16: graphs with frozen variables, which take turns within every round after a warm-up,
from a clip on the device to logits on the host. Half precision is that of Keras' mixed policies.
The paper measured on an NVIDIA Titan V, in half precision but for RubiksNet. A model that the
device cannot run in a precision is named with the reason, and the exit status is 1.
"""

import tensorflow as tf
from absl import flags

from benchmarks import speed_report
from benchmarks.docs_flag import DOCS
from benchmarks.input_flags import IMAGE_SIZE, NUM_SEGMENTS, THREADS
from benchmarks.interleave import interleave
from benchmarks.latency_runs import (
    HEADER,
    POLICIES,
    PRESETS,
    cells,
    check_precisions,
    check_presets,
    device_name,
    first_line,
    make_forward,
    random_clip,
    timed,
)
from benchmarks.quiet_machine import check_quiet, load_line, others_percent
from trainers import cli

SECTION = "latency"

_PRESETS = flags.DEFINE_list("presets", list(PRESETS), "Only these presets.")
_PRECISIONS = flags.DEFINE_list(
    "precisions", None, f"Of {', '.join(POLICIES)}; by default float16 on a GPU only."
)
_ROUNDS = flags.DEFINE_integer("rounds", 30, "Times that each is timed.", lower_bound=1)
_WARMUP = flags.DEFINE_integer("warmup", 5, "Runs before them.", lower_bound=1)
for name in ("image_size", "num_segments", "threads", "docs"):
    flags.declare_key_flag(name)


def main(_):
    console = cli.console()
    percent = others_percent()
    check_quiet(percent, DOCS.value)
    tf.config.threading.set_intra_op_parallelism_threads(THREADS.value)
    precisions = check_precisions(_PRECISIONS.value, tf.config.list_physical_devices("GPU"))
    presets = check_presets(_PRESETS.value)
    pairs = [(preset, precision) for preset in presets for precision in precisions]
    candidates, failures = {}, []
    with cli.progress(console) as progress:
        total = len(pairs) * (_ROUNDS.value + 2)
        task = progress.add_task("Building", total=total, info="")

        def advance(name):
            progress.update(task, info=" ".join(name))
            progress.advance(task)

        clip = random_clip(NUM_SEGMENTS.value, IMAGE_SIZE.value)
        for pair in pairs:
            try:
                candidates[pair] = timed(make_forward(*pair, clip), _WARMUP.value)
            except (tf.errors.OpError, ValueError) as error:
                failures.append(f"{' in '.join(pair)} cannot run here: {first_line(error)}")
            advance(pair)
        seconds = interleave(candidates, _ROUNDS.value, advance) if candidates else {}
    report = "\n\n".join(
        [
            f"{device_name()}. {speed_report.machine(THREADS.value)}",
            load_line(percent),
            speed_report.markdown_table(HEADER, [cells(*item) for item in seconds.items()]),
            *failures,
        ]
    )
    console.print(report)
    if DOCS.value:
        speed_report.replace_section(DOCS.value, SECTION, report)
    return 1 if failures else None


if __name__ == "__main__":
    cli.run(main)
