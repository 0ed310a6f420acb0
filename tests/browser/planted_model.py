"""A model whose right answer is known, and whose logits depend on every pixel."""

import keras
import numpy as np

from gsf_tf.data import LabelMap

NUM_SEGMENTS, SIZE = 4, 32
RED_TO_BLUE, BLUE_TO_RED = "red, then blue", "blue, then red"
# Texts that a page must show as they are.
LABELS = LabelMap(
    [RED_TO_BLUE, BLUE_TO_RED, "<img src=x onerror=alert(1)>", "手を振る", "a " * 30 + "long", "f"]
)


def planted_model():
    """Returns a model from clips `[T, 32, 32, 3]` to logits of `LABELS`.

    Red minus blue, in the first half minus the second one, is the logit of the first class; its
    negative is that of the second one. To all logits each pixel adds something of its own.
    """
    shape = (NUM_SEGMENTS, SIZE, SIZE, 3)
    sign = np.zeros(shape, np.float32)
    sign[..., 0], sign[..., 2] = 1, -1
    sign[NUM_SEGMENTS // 2 :] *= -1
    kernel = np.random.default_rng(0).normal(0, 0.02, (sign.size, len(LABELS)))
    kernel[:, 0] += 20 * sign.ravel() / sign.size
    kernel[:, 1] -= 20 * sign.ravel() / sign.size
    clip = keras.Input(shape, name="clip", dtype="uint8")
    pixels = keras.layers.Rescaling(1 / 255)(clip)
    logits = keras.layers.Dense(len(LABELS), use_bias=False, name="classifier")
    model = keras.Model(clip, logits(keras.layers.Flatten()(pixels)), name="planted")
    logits.set_weights([kernel.astype(np.float32)])
    return model


def red_to_blue(num_frames=30, height=72, width=96):
    """Returns frames uint8 `[N, H, W, 3]` that turn from red to blue, under a soft pattern."""
    time = np.linspace(0, 1, num_frames)[:, None, None]
    y, x = np.mgrid[:height, :width]
    pattern = 0.5 + 0.3 * np.sin(x / 9 + 4 * time) * np.cos(y / 7)
    frames = np.stack([pattern * (1 - time), 0.3 * pattern, pattern * time], axis=-1)
    return np.rint(255 * frames).astype(np.uint8)
