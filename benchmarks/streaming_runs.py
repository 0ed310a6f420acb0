"""The measurements of `benchmarks.streaming_speed`: what a frame of a stream costs."""

import functools
import statistics
import time

import numpy as np
import psutil
import tensorflow as tf

from gsf_tf.errors import UserError
from gsf_tf.models import from_preset
from gsf_tf.streaming import SlidingWindowModel, StreamingModel
from gsf_tf.streaming.frozen_step import frozen_step

HEADER = (
    "model", "frames/s", "ms per frame", "x backbone", "frozen, ms", "x frozen backbone",
    "window, ms", "clip, ms", "delay, s", "state, MB", "memory, MB", "grown by, MB",
)  # fmt: skip
_WARM_UP = 3


def open_stream(name, size, segments, frozen=False):
    """Returns the model of PRESET:causal or PRESET:delayed, and a stream of it."""
    preset, _, mode = name.partition(":")
    if mode not in ("causal", "delayed"):
        raise UserError(f"--models are PRESET:causal or PRESET:delayed. Received: {name}.")
    model = from_preset(preset, 10, segments, (size, size, 3), causal=mode == "causal")
    return model, StreamingModel(model, mode, "window", segments, frozen=frozen)


def measure(name, size, segments, rounds, rate):
    """Returns the columns of the table up to the state, without those of the process' memory."""
    model, stream = open_stream(name, size, segments)
    frozen = StreamingModel(model, stream.mode, "window", segments, frozen=True)
    backbones = backbones_of(name.partition(":")[0], (size, size, 3))
    times = timed((stream, frozen), model, backbones, segments, rounds)
    step, constant, window, clip = (
        statistics.median(times[key]) for key in ("step", "frozen step", "window", "clip")
    )
    state = sum(x.numpy().nbytes for x in stream.initial_state().values())
    return (
        name, f"{1 / step:.1f}", f"{1e3 * step:.1f}", ratio(times, "step", "backbone"),
        f"{1e3 * constant:.1f}", ratio(times, "frozen step", "frozen backbone"),
        f"{1e3 * window:.1f}", f"{1e3 * clip:.1f}", f"{stream.look_ahead / rate + step:.2f}",
        f"{state / 1e6:.2f}",
    )  # fmt: skip


def ratio(times, ours, theirs):
    """Returns the median of the ratios within the rounds."""
    pairs = zip(times[ours], times[theirs], strict=True)
    return f"{statistics.median(own / other for own, other in pairs):.2f}"


def backbones_of(preset, shape):
    """Returns the network without temporal layers, as it is and with constants for its weights."""
    model = from_preset(f"tsn_{preset.partition('_')[2]}", 10, 1, shape)
    signature = [tf.TensorSpec((None, *shape), "float32")]
    network = tf.function(
        lambda frame: model(frame[:, None], training=False), signature, autograph=False
    ).get_concrete_function()
    return network, frozen_step(network, signature)


def timed(streams, model, backbones, segments, rounds):
    """Returns seconds by what was timed, one value per round."""
    shape = (1, *streams[0].frame_shape)
    frame = np.random.default_rng(0).integers(0, 256, shape).astype("uint8")
    pixels = tf.constant(frame, "float32")
    window = SlidingWindowModel(model, segments)
    whole = tf.function(lambda clip: model(clip, training=False), autograph=False)
    clip = tf.repeat(tf.constant(frame)[:, None], segments, axis=1)
    running = {"step": streams[0], "frozen step": streams[1], "window": window}
    states = {key: streaming.initial_state() for key, streaming in running.items()}

    def step(key):
        logits, states[key] = running[key].step(frame, states[key])
        return logits

    calls = {key: functools.partial(step, key) for key in running}
    calls["backbone"] = lambda: backbones[0](pixels)
    calls["frozen backbone"] = lambda: backbones[1](pixels)
    calls["clip"] = lambda: whole(clip)
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
    stream = open_stream(name, size, segments, frozen=True)[1]
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
