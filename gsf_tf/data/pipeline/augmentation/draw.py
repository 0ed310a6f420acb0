"""What is drawn at random for one operation of RandAugment."""

from typing import NamedTuple

import tensorflow as tf


class Draw(NamedTuple):
    """The random values of one operation on one clip.

    Args:
        magnitude: m, float32 scalar in 0..10.
        level: m / 10, float32 scalar.
        sign: -1 or 1, float32 scalar. Operations whose strength has no sign do not use it.
        cubic: Whether to interpolate over 4 x 4 pixels instead of 2 x 2, bool scalar.
    """

    magnitude: tf.Tensor
    level: tf.Tensor
    sign: tf.Tensor
    cubic: tf.Tensor
