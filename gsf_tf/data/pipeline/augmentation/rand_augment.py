"""RandAugment with keras-cv's operations, drawn once per clip."""

import math

import tensorflow as tf

from gsf_tf.errors import DataError

# The value of pixels that a shear, a rotation or a translation moves in from outside the frame.
_FILL = 128.0

# Probability that a drawn operation is applied, as in timm, whose RandAugment the GSF code calls.
_PROBABILITY = 0.5


class RandAugment:
    """Applies a few random operations to a clip, each to all frames alike.

    keras-cv's own `RandAugment` draws operations for each image. Its layers separate drawing from
    applying, so this class draws from a seed and lets the layers apply the operations.

    The magnitude m is drawn from a normal distribution and clipped to 0..10. The strengths at m are
    those of timm's increasing set (`inc1`):

    - solarize: inverts values from 255 - 25.5 m upwards;
    - color, contrast, sharpness: factor 1 +- 0.09 m;
    - brightness: +- 0.04 m of the value range (keras-cv adds, timm multiplies);
    - rotate by +- 3 m degrees, shear by +- 0.03 m, translate by +- 0.045 m of the side;
    - auto-contrast and equalize, which have no strength.

    docs/augmentation.md lists the differences to the GSF code, which calls timm's
    `rand-m9-mstd0.5`.

    Args:
        magnitude: Mean of m.
        standard_deviation: Standard deviation of m.
        num_ops: Number of operations drawn per clip, each applied with probability 0.5.

    Raises:
        DataError: If keras-cv is not installed.

    Reference:
        Cubuk et al., "RandAugment: Practical automated data augmentation with a reduced search
        space", section 3.
    """

    def __init__(self, magnitude: float, standard_deviation: float, num_ops: int):
        self.magnitude = magnitude
        self.standard_deviation = standard_deviation
        self.num_ops = num_ops
        self._operations = _operations()

    def __call__(self, frames, seed):
        """Returns the changed clip.

        Args:
            frames: uint8 `[T, H, W, 3]`.
            seed: Two integers; the same seed draws the same operations.

        Returns:
            uint8, of the same shape.
        """
        for op_seed in tf.unstack(tf.random.split(seed, self.num_ops)):
            frames = self._apply_one(frames, op_seed)
        return frames

    def _apply_one(self, frames, seed):
        seeds = tf.unstack(tf.random.split(seed, 4))
        number = tf.random.stateless_uniform([], seeds[0], 0, len(self._operations), tf.int32)
        drawn = tf.random.stateless_normal([], seeds[1], self.magnitude, self.standard_deviation)
        level = tf.clip_by_value(drawn, 0.0, 10.0) / 10
        sign = tf.where(tf.random.stateless_uniform([], seeds[2]) < 0.5, -1.0, 1.0)

        def branch(operation):
            def run():
                changed = operation(tf.cast(frames, tf.float32), level, sign)
                changed = tf.cast(tf.round(tf.clip_by_value(changed, 0.0, 255.0)), tf.uint8)
                return tf.ensure_shape(changed, frames.shape)

            return run

        return tf.cond(
            tf.random.stateless_uniform([], seeds[3]) < _PROBABILITY,
            lambda: tf.switch_case(number, [branch(op) for op in self._operations]),
            lambda: frames,
        )


def _operations():
    """Returns functions of (frames, level in 0..1, sign) on float32 frames in 0..255."""
    try:
        from keras_cv import layers
    except ImportError as error:
        raise DataError(
            f"`rand_augment` needs keras-cv. Received: {error}. Install it with "
            "`pip install 'gsf_tf[augment]'`, or set `rand_augment` to 0."
        ) from error
    value_range = (0, 255)
    # Not the precision of Keras' policy, which may be lower.
    dtype = {"dtype": "float32"}
    geometry = {"fill_mode": "constant", "fill_value": _FILL} | dtype
    auto_contrast = layers.AutoContrast(value_range, **dtype)
    equalization = layers.Equalization(value_range, **dtype)
    solarization = layers.Solarization(value_range, **dtype)
    color = layers.RandomColorDegeneration(0.5, **dtype)
    contrast = layers.RandomContrast(value_range, 0.5, **dtype)
    brightness = layers.RandomBrightness(0.5, value_range, **dtype)
    sharpness = layers.RandomSharpness(0.5, value_range, **dtype)
    rotation = layers.RandomRotation(0.5, **geometry)
    shear = layers.RandomShear(0.5, 0.5, **geometry)
    translation = layers.RandomTranslation(0.5, 0.5, **geometry)

    def same(value, frames, rank=4):
        return tf.fill([tf.shape(frames)[0]] + [1] * (rank - 1), value)

    def apply(layer, frames, transformations):
        # Some of keras-cv's layers branch on tensors in Python, but pipelines turn autograph off.
        augment = tf.function(layer.augment_images, autograph=True)
        return augment(frames, transformations=transformations)

    def solarize(frames, level, sign):
        values = {
            "additions": same(0.0, frames),
            "thresholds": same(255 * (1 - level), frames),
        }
        return apply(solarization, frames, values)

    def translate(frames, height, width):
        values = {
            "height_translations": same(height, frames, 2),
            "width_translations": same(width, frames, 2),
        }
        return apply(translation, frames, values)

    return [
        lambda frames, level, sign: apply(auto_contrast, frames, None),
        lambda frames, level, sign: apply(equalization, frames, None),
        solarize,
        lambda frames, level, sign: apply(color, frames, same(0.9 * level * sign, frames)),
        lambda frames, level, sign: apply(contrast, frames, same(1 + 0.9 * level * sign, frames)),
        lambda frames, level, sign: apply(
            brightness, frames, same(0.4 * 255 * level * sign, frames)
        ),
        lambda frames, level, sign: apply(sharpness, frames, same(0.9 * level * sign, frames)),
        lambda frames, level, sign: apply(
            rotation, frames, {"angles": same(math.radians(30) * level * sign, frames, 1)}
        ),
        lambda frames, level, sign: apply(
            shear, frames, {"shear_x": same(0.3 * level * sign, frames, 2), "shear_y": None}
        ),
        lambda frames, level, sign: apply(
            shear, frames, {"shear_x": None, "shear_y": same(0.3 * level * sign, frames, 2)}
        ),
        lambda frames, level, sign: translate(frames, 0.0, 0.45 * level * sign),
        lambda frames, level, sign: translate(frames, 0.45 * level * sign, 0.0),
    ]
