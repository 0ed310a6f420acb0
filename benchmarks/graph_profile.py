"""The operations of a SavedModel, and the time that each kind takes on one clip.

  python -m benchmarks.graph_profile --export=EXPORT
  python -m benchmarks.graph_profile --export=EXPORT --threads=1 --rounds=9

EXPORT is what `gsf-tf export` writes, or a folder that `benchmarks.export_speed --folder` keeps,
such as exports/8x224/gsf_resnet50_saved_model. The times are the means of TensorFlow's step
statistics.
"""

import collections
import pathlib

import numpy as np
from absl import flags

from benchmarks.input_flags import THREADS
from benchmarks.quiet_machine import load_line, others_percent
from benchmarks.speed_report import markdown_table
from trainers import cli

_EXPORT = flags.DEFINE_string("export", None, "SavedModel with the signature serving_default.")
_ROUNDS = flags.DEFINE_integer("rounds", 5, "Runs that are measured.", lower_bound=1)
flags.mark_flag_as_required("export")
flags.declare_key_flag("threads")

WARM_UP = 3


def step_statistics(folder, threads, rounds):
    """Yields the statistics of each operation in runs on one random clip."""
    import tensorflow as tf

    v1 = tf.compat.v1
    config = v1.ConfigProto(intra_op_parallelism_threads=threads, inter_op_parallelism_threads=1)
    options = v1.RunOptions(trace_level=v1.RunOptions.FULL_TRACE)
    with tf.Graph().as_default(), v1.Session(config=config) as session:
        model = v1.saved_model.load(session, ["serve"], folder)
        signature = model.signature_def["serving_default"]
        clip = signature.inputs["clip"]
        shape = [max(dimension.size, 1) for dimension in clip.tensor_shape.dim]
        feed = {clip.name: np.random.default_rng(0).integers(0, 256, shape, np.uint8)}
        outputs = [output.name for output in signature.outputs.values()]
        for _ in range(WARM_UP):
            session.run(outputs, feed)
        for _ in range(rounds):
            metadata = v1.RunMetadata()
            session.run(outputs, feed, options=options, run_metadata=metadata)
            for device in metadata.step_stats.dev_stats:
                yield from device.node_stats


def main(_):
    if not (pathlib.Path(_EXPORT.value) / "saved_model.pb").is_file():
        raise cli.FlagError(
            "--export must be a SavedModel, a folder with the file saved_model.pb. Received: "
            f"--export={_EXPORT.value}"
        )
    percent = others_percent()
    seconds, counts = collections.Counter(), collections.Counter()
    for node in step_statistics(_EXPORT.value, THREADS.value, _ROUNDS.value):
        _, _, operation = node.timeline_label.partition(" = ")
        kind = operation.partition("(")[0] or node.node_name
        seconds[kind] += node.all_end_rel_micros * 1e-6
        counts[kind] += 1
    rows = [
        (kind, f"{counts[kind] / _ROUNDS.value:g}", f"{1e3 * total / _ROUNDS.value:.1f}")
        for kind, total in seconds.most_common()
    ]
    total = 1e3 * sum(seconds.values()) / _ROUNDS.value
    table = markdown_table(("Operation", "Number", "ms"), [*rows, ("all", "", f"{total:.1f}")])
    print(f"{load_line(percent)}\n\n{table}")


if __name__ == "__main__":
    cli.run(main)
