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


def open_stream(name, size, segments):
    """Returns the model of PRESET:causal or PRESET:delayed, and a stream of it."""
    preset, _, mode = name.partition(":")
    if mode not in ("causal", "delayed"):
        raise UserError(f"--models are PRESET:causal or PRESET:delayed. Received: {name}.")
    model = from_preset(preset, 10, segments, (size, size, 3), causal=mode == "causal")
    return model, StreamingModel(model, mode, "window", segments)


def measure(name, size, segments, rounds, rate):
    """Returns the columns of the table up to the state, without those of the process' memory."""
    model, stream = open_stream(name, size, segments)
    backbone = backbone_of(name.partition(":")[0], (size, size, 3))
    times = timed(stream, model, backbone, segments, rounds)
    step, window, clip = (statistics.median(times[key]) for key in ("step", "window", "clip"))
    ratio = statistics.median(
        ours / theirs for ours, theirs in zip(times["step"], times["backbone"], strict=True)
    )
    state = sum(x.numpy().nbytes for x in stream.initial_state().values())
    return (
        name, f"{1 / step:.1f}", f"{1e3 * step:.1f}", f"{ratio:.2f}", f"{1e3 * window:.1f}",
        f"{1e3 * clip:.1f}", f"{stream.look_ahead / rate + step:.2f}", f"{state / 1e6:.2f}",
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


def memory_columns(name, size, segments, frames):
    """Returns resident MB after all frames, and by how much they grew after a tenth of them."""
    stream = open_stream(name, size, segments)[1]
    process, state = psutil.Process(), stream.initial_state()
    random = np.random.default_rng(1)
    pictures = random.integers(0, 256, (16, 1, *stream.frame_shape)).astype("uint8")
    early = process.memory_info().rss
    for number in range(frames):
        _, state = stream.step(pictures[number % len(pictures)], state)
        if number == frames // 10:
            early = process.memory_info().rss
    late = process.memory_info().rss
    return f"{late / 1e6:.0f}", f"{(late - early) / 1e6:.0f}"
