"""The measurements of `benchmarks.streaming_speed`: what a frame of a stream costs."""

import statistics
import time

import numpy as np
import psutil
import tensorflow as tf

from gsf_tf.errors import UserError
from gsf_tf.models import from_preset
from gsf_tf.streaming import SlidingWindowModel, StreamingModel

HEADER = (
    "model", "frames/s", "ms per frame", "x backbone", "window, ms", "clip, ms", "delay, s",
    "state, MB", "memory, MB", "grown by, MB",
)  # fmt: skip
_WARM_UP = 3


def measure(name, size, segments, rounds, memory_frames, rate):
    """Returns a row of the table."""
    preset, _, mode = name.partition(":")
    if mode not in ("causal", "delayed"):
        raise UserError(f"--models are PRESET:causal or PRESET:delayed. Received: {name}.")
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
