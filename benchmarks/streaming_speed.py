"""What a frame of a stream costs: time, delay and memory.

  python -m benchmarks.streaming_speed --docs=docs/streaming.md --csv=streaming.csv
  python -m benchmarks.streaming_speed --models=tsm_mobilenetv2:causal --memory_frames=0

A model is PRESET:causal or PRESET:delayed. One stream of random frames. Each round times, one after
the other: a step of `StreamingModel`; the backbone without temporal layers (`tsn_*`) on one frame;
a step of `SlidingWindowModel`; and the whole clip through the model, as without a state. The
columns are medians over the rounds; "x backbone" is the median of the ratios within the rounds. The
delay is that from a frame to its answer at --rate frames per second: the look-ahead and a step.
Then --memory_frames steps run, and the resident memory of the process is read after a tenth of them
and at the end. With --docs the machine must have nothing else to do.
"""

import statistics
import time

import numpy as np
import psutil
import tensorflow as tf
from absl import flags

from benchmarks.docs_flag import DOCS
from benchmarks.quiet_machine import check_quiet, load_line, others_percent
from benchmarks.speed_report import machine, markdown_table, replace_section, write_csv
from gsf_tf.errors import UserError
from gsf_tf.models import from_preset
from gsf_tf.streaming import SlidingWindowModel, StreamingModel
from trainers import cli

MODELS = (
    "tsm_mobilenetv2:causal",
    "gsf_mobilenetv2:causal",
    "tsm_mobilenetv2:delayed",
    "gsf_mobilenetv2:delayed",
    "gsf_resnet50:causal",
    "gsf_resnet50:delayed",
)
HEADER = (
    "model", "frames/s", "ms per frame", "x backbone", "window, ms", "clip, ms", "delay, s",
    "state, MB", "memory, MB", "grown by, MB",
)  # fmt: skip
_WARM_UP = 3

_MODELS = flags.DEFINE_list("models", list(MODELS), "PRESET:causal or PRESET:delayed, with commas.")
_SIZE = flags.DEFINE_integer("size", 224, "Height and width of a frame.", lower_bound=32)
_SEGMENTS = flags.DEFINE_integer("segments", 8, "Frames of a clip.", lower_bound=1)
_ROUNDS = flags.DEFINE_integer("rounds", 50, "Rounds that are timed.", lower_bound=1)
_RATE = flags.DEFINE_float("rate", 8.0, "Frames per second of the stream, for the delay.")
_MEMORY_FRAMES = flags.DEFINE_integer("memory_frames", 10_000, "Frames for the memory; 0 for none.")
_CSV = flags.DEFINE_string("csv", None, "File of the same figures.")


def main(_):
    busy = others_percent()
    check_quiet(busy, DOCS.value)
    rows = []
    for name in _MODELS.value:
        rows.append(
            measure(name, _SIZE.value, _SEGMENTS.value, _ROUNDS.value, _MEMORY_FRAMES.value)
        )
        print(markdown_table(HEADER, rows[-1:]), flush=True)
    threads = tf.config.threading.get_intra_op_parallelism_threads() or "default"
    text = f"{machine(threads)} {load_line(busy)}\n\n{markdown_table(HEADER, rows)}"
    print(text)
    if _CSV.value:
        write_csv(_CSV.value, HEADER, rows)
    if DOCS.value:
        replace_section(DOCS.value, "streaming_speed", text)


def measure(name, size, segments, rounds, memory_frames, rate=None):
    """Returns a row of the table."""
    preset, _, mode = name.partition(":")
    if mode not in ("causal", "delayed"):
        raise UserError(f"--models are PRESET:causal or PRESET:delayed. Received: {name}.")
    rate = _RATE.value if rate is None else rate
    shape = (size, size, 3)
    model = from_preset(preset, 10, segments, shape, causal=mode == "causal")
    stream = StreamingModel(model, mode, "window", segments)
    times = timed(stream, model, backbone_of(preset, shape), segments, rounds)
    step, window, clip = (statistics.median(times[key]) for key in ("step", "window", "clip"))
    ratio = statistics.median(
        ours / theirs for ours, theirs in zip(times["step"], times["backbone"], strict=True)
    )
    state = sum(x.numpy().nbytes for x in stream.initial_state().values())
    memory = grown = "-"
    if memory_frames:
        memory, grown = (f"{value / 1e6:.0f}" for value in memory_of(stream, memory_frames))
    return (
        name, f"{1 / step:.1f}", f"{1e3 * step:.1f}", f"{ratio:.2f}", f"{1e3 * window:.1f}",
        f"{1e3 * clip:.1f}", f"{stream.look_ahead / rate + step:.2f}", f"{state / 1e6:.2f}", memory,
        grown,
    )  # fmt: skip


def backbone_of(preset, shape):
    """Returns the network without temporal layers as a function of one frame."""
    model = from_preset(f"tsn_{preset.partition('_')[2]}", 10, 1, shape)
    return tf.function(lambda frame: model(frame[:, None], training=False), autograph=False)


def timed(stream, model, backbone, segments, rounds):
    """Returns seconds by what was timed, one value per round."""
    frame = np.random.default_rng(0).integers(0, 256, (1, *stream.frame_shape)).astype("uint8")
    window = SlidingWindowModel(model, segments)
    whole = tf.function(lambda clip: model(clip, training=False), autograph=False)
    clip = tf.repeat(tf.constant(frame)[:, None], segments, axis=1)
    states = {"step": stream.initial_state(), "window": window.initial_state()}

    def step(key, streaming):
        logits, states[key] = streaming.step(frame, states[key])
        return logits

    calls = {
        "step": lambda: step("step", stream),
        "backbone": lambda: backbone(tf.constant(frame)),
        "window": lambda: step("window", window),
        "clip": lambda: whole(clip),
    }
    times = {key: [] for key in calls}
    for number in range(_WARM_UP + rounds):
        for key, call in calls.items():
            start = time.perf_counter()
            np.asarray(call())  # The result is there before the clock is read.
            if number >= _WARM_UP:
                times[key].append(time.perf_counter() - start)
    return times


def memory_of(stream, frames):
    """Returns the resident bytes after a tenth of the frames, and by how much they grew then."""
    process, state = psutil.Process(), stream.initial_state()
    random = np.random.default_rng(1)
    pictures = random.integers(0, 256, (16, 1, *stream.frame_shape)).astype("uint8")
    early = process.memory_info().rss
    for number in range(frames):
        _, state = stream.step(pictures[number % len(pictures)], state)
        if number == frames // 10:
            early = process.memory_info().rss
    return early, process.memory_info().rss - early


if __name__ == "__main__":
    cli.run(main)
