"""What `benchmarks.latency` times: the networks of the GSF paper's Table 12, and its figures."""

import contextlib
import dataclasses
import time

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import (
    convert_variables_to_constants_v2,
)

from gsf_tf.errors import UserError, did_you_mean, name_some
from gsf_tf.models import from_preset, list_presets

POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}
PRESETS = (*(f"{method}_resnet50" for method in ("tsn", "tsm", "gst", "gsm", "gsf")),)
PRESETS += ("rubiksnet_large",)
NUM_CLASSES = 174  # Something-Something
HEADER = ("Model", "Precision", "Median ms", "Lowest ms", "Paper ms", "Paper's precision")


@dataclasses.dataclass(frozen=True)
class PaperLatency:
    """A row of the paper's Table 12: milliseconds on a Titan V, and the precision."""

    milliseconds: float
    precision: str


PAPER = {
    "tsm_resnet50": PaperLatency(7.59, "half"),
    "gst_resnet50": PaperLatency(8.28, "half"),
    "rubiksnet_large": PaperLatency(10.46, "float32"),
    "gsf_resnet50": PaperLatency(12.40, "half"),
}


def check_precisions(names, gpus):
    """Returns the precisions to time.

    Args:
        names: Names that the user gave, or None.
        gpus: The GPUs that TensorFlow sees.

    Raises:
        UserError: If a name is unknown, or float16 is asked for without a GPU.
    """
    if names is None:
        return [name for name in POLICIES if gpus or name != "float16"]
    if not names or not set(names) <= POLICIES.keys():
        raise UserError(
            f"`precisions` must be some of {', '.join(POLICIES)}. Received: {','.join(names)}"
        )
    if "float16" in names and not gpus:
        raise UserError(
            "`precisions` may have float16 on a GPU only, for a CPU computes it in float32. "
            f"Received: {','.join(names)}, and TensorFlow sees no GPU. Leave it out."
        )
    return names


def check_presets(names):
    """Returns the presets to time.

    Raises:
        UserError: If a name is not that of a preset, or there is none.
    """
    unknown = [name for name in names if name not in list_presets()]
    if unknown or not names:
        raise UserError(
            "`presets` must be some of `gsf_tf.models.list_presets()`. Received: "
            f"{name_some(unknown) or 'none'}.{did_you_mean((unknown or [''])[0], list_presets())}"
        )
    return names


def random_clip(num_segments, image_size):
    """Returns a clip on the device, uint8 `[1, T, H, W, 3]`."""
    shape = (1, num_segments, image_size, image_size, 3)
    return tf.constant(np.random.default_rng(0).integers(0, 256, shape, np.uint8))


def make_forward(preset, precision, clip):
    """Returns a function that runs a preset on a clip and returns its logits as an array."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(POLICIES[precision])
    try:
        keras.utils.set_random_seed(0)
        model = from_preset(
            preset, NUM_CLASSES, num_segments=clip.shape[1], input_shape=tuple(clip.shape[2:])
        )
    finally:
        keras.config.set_dtype_policy(before)
    graph = tf.function(lambda clips: model(clips, training=False), autograph=False)
    concrete = graph.get_concrete_function(tf.TensorSpec(clip.shape, clip.dtype))
    frozen = convert_variables_to_constants_v2(concrete)
    return lambda: frozen(clip)[0].numpy()


def timed(forward, warmup):
    """Runs a function `warmup` times, and returns one that runs it and returns its seconds.

    Raises:
        ValueError: If a logit is not finite.
    """
    for _ in range(warmup):
        logits = forward()
    if not np.isfinite(logits).all():
        raise ValueError("a logit is not a finite number")

    def seconds():
        start = time.perf_counter()
        forward()
        return time.perf_counter() - start

    return seconds


def cells(pair, seconds):
    """Returns the row of a preset and a precision."""
    preset, precision = pair
    milliseconds, paper = 1e3 * np.asarray(seconds), PAPER.get(preset)
    return (
        preset,
        precision,
        f"{np.median(milliseconds):.2f}",
        f"{milliseconds.min():.2f}",
        f"{paper.milliseconds:.2f}" if paper else "-",
        f"{paper.precision}, Titan V" if paper else "-",
    )


def device_name():
    """Returns the name of the device that the models run on."""
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return "On the CPU"
    with contextlib.suppress(tf.errors.OpError):
        return f"On {tf.config.experimental.get_device_details(gpus[0])['device_name']}"
    return f"On {gpus[0].name}"


def first_line(error):
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
