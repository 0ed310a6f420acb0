"""How an export should move channels by whole frames: picked out, or in place.

  python -m benchmarks.picked_channels
  python -m benchmarks.picked_channels --models=rubiksnet_tiny_aq --shares=0.125,0.5

An integer shift in time has two forms in the graph of an export
(`gsf_tf/export/graph/shift_rules.py`). Either the channels that move are picked out, moved as
slices and multiplied by their own rows of the convolution that follows; or a depthwise convolution
over the frames moves them where they are. The first costs more with every channel that moves, the
second does not. This times hardened models in both forms for shares of the channels that move;
`PICKED_SHARE` there is the share up to which the first one is chosen.
"""

import os
import time

import numpy as np
import tensorflow as tf
from absl import flags

from benchmarks import speed_report
from benchmarks.annealed import anneal
from benchmarks.docs_flag import DOCS
from benchmarks.interleave import interleave, median_ratio
from benchmarks.quiet_machine import check_quiet, load_line, others_percent
from gsf_tf.export.graph import shift_rules
from gsf_tf.export.graph.frozen_function import frozen_function
from gsf_tf.models import from_preset, harden
from trainers import cli

SECTION = "picked_channels"
WAYS = {"picked out": 1.0, "in place": 0.0}  # Values of PICKED_SHARE that choose the form.
HEADER = ("Model", "Pixels", "Moved", *WAYS, "Ratio")

_MODELS = flags.DEFINE_list(
    "models", ["rubiksnet_tiny_aq", "rubiksnet_large_aq"], "Presets with attention."
)
_SIZES = flags.DEFINE_multi_integer("sizes", [112, 224], "Height and width of a frame.", 32)
_SHARES = flags.DEFINE_list("shares", ["0.125", "0.25", "0.5", "0.75"], "Shares that move.")
_SEGMENTS = flags.DEFINE_integer("segments", 8, "Frames of a clip.", lower_bound=1)
_ROUNDS = flags.DEFINE_integer("rounds", 9, "Rounds that are timed.", lower_bound=1)
_THREADS = flags.DEFINE_integer("threads", os.cpu_count(), "Threads.", lower_bound=1)
flags.declare_key_flag("docs")


def main(_):
    percent = others_percent()
    check_quiet(percent, DOCS.value)
    tf.config.threading.set_intra_op_parallelism_threads(_THREADS.value)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    rows = []
    for preset in _MODELS.value:
        for size in _SIZES.value:
            rows += measure(preset, size, [float(share) for share in _SHARES.value])
            print(speed_report.markdown_table(HEADER, rows[-len(_SHARES.value) :]), flush=True)
    table = speed_report.markdown_table(HEADER, rows)
    text = f"{speed_report.machine(_THREADS.value)} {load_line(percent)}\n\n{table}"
    if DOCS.value:
        speed_report.replace_section(DOCS.value, SECTION, text)


def measure(preset, size, shares):
    """Returns a row for each share: processor time in milliseconds, and the ratio."""
    clip = np.random.default_rng(0).integers(0, 256, (1, _SEGMENTS.value, size, size, 3), np.uint8)
    clip = tf.constant(clip)
    model = from_preset(preset, 174, _SEGMENTS.value, (size, size, 3))
    candidates = {}
    for share in shares:
        anneal(model, share)
        hardened = harden(model).model
        for way, value in WAYS.items():
            candidates[share, way] = _seconds_of(_graph(hardened, value), clip)
    seconds = interleave(candidates, _ROUNDS.value, lambda key: None)
    rows = []
    for share in shares:
        picked, in_place = (seconds[share, way] for way in WAYS)
        cells = (f"{1e3 * np.median(times):.1f}" for times in (picked, in_place))
        rows.append((preset, size, share, *cells, f"{median_ratio(picked, in_place):.2f}"))
    return rows


def _graph(model, picked_share):
    before = shift_rules.PICKED_SHARE
    shift_rules.PICKED_SHARE = picked_share
    try:
        return frozen_function(model)
    finally:
        shift_rules.PICKED_SHARE = before


def _seconds_of(graph, clip):
    def seconds():
        start = time.process_time()
        graph(clip)[0].numpy()
        return time.process_time() - start

    return seconds


if __name__ == "__main__":
    cli.run(main)
