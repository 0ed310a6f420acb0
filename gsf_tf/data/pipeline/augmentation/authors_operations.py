"""The operations of RandAugment's variant `authors`: those of timm's `rand-m9-mstd0.5`."""

import functools
import math
from collections.abc import Callable

import tensorflow as tf

from gsf_tf.data.pipeline.augmentation.affine import affine
from gsf_tf.data.pipeline.augmentation.keras_cv_layers import KerasCvLayers

# Red, green and blue of pixels that are moved in from outside the frame, in the GSF code.
_FILL = (124, 116, 104)

# Values below it are those that solarize-add raises.
_ADD_BELOW = 128

# Weights of red, green and blue in Pillow's gray values, in units of 2**-16.
_GRAY = (19595, 38470, 7471)


def authors_operations() -> dict[str, Callable]:
    """Returns the operations of the variant `authors` by their names.

    The strengths at magnitude m are those of timm's first (not increasing) set:

    - rotate by +- 3 m degrees;
    - posterize: the int(0.4 m) highest bits of a value remain;
    - solarize: inverts values from int(25.6 m) upwards;
    - solarize_add: adds int(11 m) to values below 128;
    - color, contrast, brightness, sharpness: Pillow's enhancements by the factor 0.1 + 0.18 m;
    - shear by +- 0.03 m, translate by +- 0.045 m of the side;
    - auto_contrast, equalize and invert, which have no strength.

    Pixels from outside the frame are (124, 116, 104). Pixels are interpolated linearly or
    cubically, at random.

    The values are Pillow's. keras-cv has auto_contrast, solarize, color and sharpness, which differ
    from Pillow's by 1 at most; the others are here. keras-cv's equalize divides by another step,
    its contrast has the mean of each channel where Pillow has that of the gray values, its
    brightness adds, and its geometry has one gray value outside the frame, which it mixes into the
    border.

    Returns:
        A dictionary of functions from frames, uint8 `[T, H, W, 3]`, and a `Draw` to frames. T must
        be known statically.

    Raises:
        DataError: If keras-cv is not installed.

    Reference:
        The GSF code calls timm's RandAugment with `rand-m9-mstd0.5`.
    """
    layers = KerasCvLayers()

    def sharpness(frames, draw):
        # Smoothing leaves the outermost pixels as they are, so smaller frames do not change.
        return tf.cond(
            tf.reduce_min(tf.shape(frames)[1:3]) < 3,
            lambda: frames,
            lambda: layers.sharpness(frames, 1 - _factor(draw)),
        )

    return {
        "auto_contrast": lambda frames, draw: layers.auto_contrast(frames),
        "equalize": lambda frames, draw: _equalize(frames),
        "invert": lambda frames, draw: 255 - frames,
        "rotate": _moving(_rotation, "xy"),
        "posterize": lambda frames, draw: _posterize(frames, _whole(draw, 4)),
        "solarize": lambda frames, draw: layers.solarize(
            frames, tf.cast(_whole(draw, 256), tf.float32)
        ),
        "solarize_add": lambda frames, draw: _solarize_add(frames, _whole(draw, 110)),
        "color": lambda frames, draw: layers.color(frames, 1 - _factor(draw)),
        "contrast": lambda frames, draw: _blend(_mean_gray(frames), frames, _factor(draw)),
        "brightness": lambda frames, draw: _blend(0.0, frames, _factor(draw)),
        "sharpness": sharpness,
        "shear_x": _moving(_shear_x, "x"),
        "shear_y": _moving(_shear_y, "y"),
        "translate_x": _moving(_translation_x, "x"),
        "translate_y": _moving(_translation_y, "y"),
    }


# ---- Strengths ----------------------------------------------------------------------------------


def _share(draw):
    """Returns m / 10 in double precision, in which timm computes."""
    return tf.cast(draw.magnitude, tf.float64) / 10


def _whole(draw, most):
    return tf.cast(_share(draw) * most, tf.int32)


def _signed(draw, most):
    return _share(draw) * most * tf.cast(draw.sign, tf.float64)


def _factor(draw):
    return tf.cast(_share(draw) * 1.8 + 0.1, tf.float32)


# ---- Operations on values -----------------------------------------------------------------------


def _posterize(frames, bits):
    mask = 256 - tf.bitwise.left_shift(1, 8 - bits)
    return tf.bitwise.bitwise_and(frames, tf.cast(mask, tf.uint8))


def _solarize_add(frames, addend):
    addend = tf.cast(addend, tf.uint8)
    raised = tf.minimum(frames, 255 - addend) + addend
    return tf.where(frames < _ADD_BELOW, raised, frames)


def _equalize(frames):
    """Maps values by the table of `ImageOps.equalize`, one for each channel of each frame."""
    num_frames = frames.shape[0]
    # The values of picture n are counted from 256 n.
    first = tf.reshape(tf.range(num_frames * 3) * 256, [num_frames, 1, 1, 3])
    numbers = tf.cast(frames, tf.int32) + first
    size = num_frames * 3 * 256
    counts = tf.reshape(tf.math.bincount(numbers, minlength=size, maxlength=size), [-1, 256])
    highest = tf.reduce_max(tf.where(counts > 0, tf.range(256), 0), axis=1)
    in_highest = tf.gather(counts, highest, batch_dims=1)
    step = ((tf.reduce_sum(counts, axis=1) - in_highest) // 255)[:, None]
    below = tf.cumsum(counts, axis=1, exclusive=True)
    table = tf.minimum((step // 2 + below) // tf.maximum(step, 1), 255)
    table = tf.where(step > 0, table, tf.range(256))
    return tf.gather(tf.reshape(tf.cast(table, tf.uint8), [-1]), numbers)


def _mean_gray(frames):
    """Returns the mean gray value of each frame, rounded as Pillow does."""
    gray = tf.reduce_sum(tf.cast(frames, tf.int32) * tf.constant(_GRAY), axis=-1, keepdims=True)
    gray = tf.cast((gray + 2**15) // 2**16, tf.float64)
    return tf.cast(tf.floor(tf.reduce_mean(gray, axis=(1, 2), keepdims=True) + 0.5), tf.float32)


def _blend(base, frames, factor):
    """Moves values away from or towards a base; the fraction is cut off, as in Pillow."""
    moved = base + factor * (tf.cast(frames, tf.float32) - base)
    return tf.cast(tf.clip_by_value(moved, 0.0, 255.0), tf.uint8)


# ---- Operations on places -----------------------------------------------------------------------


def _moving(matrix, axes):
    """Returns the operation that moves pixels by `matrix(draw, width, height)` along some axes."""

    def move(frames, draw):
        height, width = (tf.cast(side, tf.float64) for side in tf.unstack(tf.shape(frames)[1:3]))
        moved = functools.partial(affine, frames, matrix(draw, width, height), _FILL, axes=axes)
        return tf.cond(draw.cubic, lambda: moved(cubic=True), lambda: moved(cubic=False))

    return move


def _rotation(draw, width, height):
    angle = _signed(draw, 30 * math.pi / 180)
    cos, sin = tf.cos(angle), tf.sin(angle)
    x, y = width / 2, height / 2
    return cos, -sin, x - cos * x + sin * y, sin, cos, y - sin * x - cos * y


def _shear_x(draw, width, height):
    return 1.0, _signed(draw, 0.3), 0.0, 0.0, 1.0, 0.0


def _shear_y(draw, width, height):
    return 1.0, 0.0, 0.0, _signed(draw, 0.3), 1.0, 0.0


def _translation_x(draw, width, height):
    return 1.0, 0.0, _signed(draw, 0.45) * width, 0.0, 1.0, 0.0


def _translation_y(draw, width, height):
    return 1.0, 0.0, 0.0, 0.0, 1.0, _signed(draw, 0.45) * height
