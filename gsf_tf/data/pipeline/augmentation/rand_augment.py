"""RandAugment, drawn once per clip."""

import dataclasses
from collections.abc import Callable, Sequence

import tensorflow as tf

from gsf_tf.data.pipeline.augmentation.authors_operations import authors_operations
from gsf_tf.data.pipeline.augmentation.draw import Draw
from gsf_tf.data.pipeline.augmentation.keras_cv_operations import keras_cv_operations

# Probability that a drawn operation is applied, as in timm, whose RandAugment the GSF code calls.
_PROBABILITY = 0.5

_BOTH = (
    "auto_contrast",
    "equalize",
    "solarize",
    "color",
    "contrast",
    "brightness",
    "sharpness",
    "rotate",
    "shear_x",
    "shear_y",
    "translate_x",
    "translate_y",
)


@dataclasses.dataclass(frozen=True)
class _Variant:
    names: tuple[str, ...]
    operations: Callable[[], dict[str, Callable]]
    whole_frames: bool


VARIANTS = {
    "authors": _Variant(
        (*_BOTH, "invert", "posterize", "solarize_add"), authors_operations, whole_frames=True
    ),
    "keras_cv": _Variant(_BOTH, keras_cv_operations, whole_frames=False),
}


class RandAugment:
    """Applies a few random operations to a clip, each to all frames alike.

    keras-cv's own `RandAugment` draws operations for each image, so this class draws from a seed.
    For each operation it draws which one it is, uniformly and with replacement; whether it is
    applied, with probability 0.5; the magnitude m from a normal distribution, clipped to 0..10; the
    sign; and the interpolation.

    Args:
        magnitude: Mean of m.
        standard_deviation: Standard deviation of m.
        num_ops: Number of operations drawn per clip.
        variant: A key of `VARIANTS`, which decides the operations and their strengths
            (`authors_operations`, `keras_cv_operations`).
        names: The operations to draw from; empty for all of the variant.

    Raises:
        DataError: If keras-cv is not installed.

    Reference:
        Cubuk et al., "RandAugment: Practical automated data augmentation with a reduced search
        space", section 3.
    """

    def __init__(
        self,
        magnitude: float,
        standard_deviation: float,
        num_ops: int,
        variant: str = "authors",
        names: Sequence[str] = (),
    ):
        self.magnitude = magnitude
        self.standard_deviation = standard_deviation
        self.num_ops = num_ops
        operations = VARIANTS[variant].operations()
        self._operations = [operations[name] for name in names or operations]
        # All operations are traced once, not once for each of `num_ops`.
        self._draw_and_apply = tf.function(self._apply_one, autograph=False)

    def __call__(self, frames, seed):
        """Returns the changed clip.

        Args:
            frames: uint8 `[T, H, W, 3]`; T must be known statically.
            seed: Two integers; the same seed draws the same operations.

        Returns:
            uint8, of the same shape.
        """
        for op_seed in tf.unstack(tf.random.split(seed, self.num_ops)):
            frames = self._draw_and_apply(frames, op_seed)
        return frames

    def _apply_one(self, frames, seed):
        seeds = tf.unstack(tf.random.split(seed, 4))
        number = tf.random.stateless_uniform([], seeds[0], 0, len(self._operations), tf.int32)
        drawn = tf.random.stateless_normal([], seeds[1], self.magnitude, self.standard_deviation)
        sign, interpolation = (
            tf.random.stateless_uniform([], sub_seed)
            for sub_seed in (seeds[2], tf.random.fold_in(seed, 4))
        )
        magnitude = tf.clip_by_value(drawn, 0.0, 10.0)
        draw = Draw(
            magnitude,
            magnitude / 10,
            tf.where(sign < 0.5, -1.0, 1.0),
            interpolation < 0.5,
        )
        branches = [lambda op=op: op(frames, draw) for op in self._operations]
        return tf.cond(
            tf.random.stateless_uniform([], seeds[3]) < _PROBABILITY,
            lambda: tf.switch_case(number, branches),
            lambda: frames,
        )
