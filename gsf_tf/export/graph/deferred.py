import dataclasses
from collections.abc import Callable

import numpy as np
import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class Deferred:
    """A map that is not in the graph yet, so that what follows can be folded into it.

    Attributes:
        compute: Callable from the chosen channels, a scale and an offset, `[C]` each, to the map
            `scale * x[..., channels] + offset`.
        channels: The chosen channels of the map that `compute` knows.
        scale: `[C]`, float64.
        offset: `[C]`, float64.
        is_divisible: Whether `compute` can do less work for fewer channels.
        activations: Functions of a tensor that follow, each working on every channel alone.
    """

    compute: Callable[[np.ndarray, np.ndarray, np.ndarray], tf.Tensor]
    channels: np.ndarray
    scale: np.ndarray
    offset: np.ndarray
    is_divisible: bool = False
    activations: tuple[Callable[[tf.Tensor], tf.Tensor], ...] = ()

    @classmethod
    def of(cls, compute: Callable, size: int, is_divisible: bool = False) -> "Deferred":
        """Returns the map that `compute` gives for all of its channels, unscaled."""
        return cls(compute, np.arange(size), np.ones(size), np.zeros(size), is_divisible)

    def affine(self, scale: np.ndarray, offset: np.ndarray) -> "Deferred":
        """Returns `scale * self + offset`, with one number per channel."""
        if self.activations:
            return self.then(lambda x: affine(x, scale, offset))
        return dataclasses.replace(
            self, scale=self.scale * scale, offset=self.offset * scale + offset
        )

    def then(self, activation: Callable[[tf.Tensor], tf.Tensor]) -> "Deferred":
        """Returns the map after a function that works on every channel alone."""
        return dataclasses.replace(self, activations=(*self.activations, activation))

    def take(self, channels: np.ndarray) -> "Deferred":
        """Returns some channels of a divisible map, in any order."""
        return dataclasses.replace(
            self,
            channels=self.channels[channels],
            scale=self.scale[channels],
            offset=self.offset[channels],
        )

    def tensor(self) -> tf.Tensor:
        """Adds the map to the graph."""
        x = self.compute(self.channels, self.scale, self.offset)
        for activation in self.activations:
            x = activation(x)
        return x


def affine(x: tf.Tensor, scale: np.ndarray, offset: np.ndarray) -> tf.Tensor:
    """Returns `scale * x + offset`, with one number per channel, without useless operations."""
    if np.any(scale != 1):
        x = x * constant(scale)
    if np.any(offset):
        x = tf.nn.bias_add(x, constant(offset)) if x.shape.rank > 1 else x + constant(offset)
    return x


def constant(array: np.ndarray) -> tf.Tensor:
    """Returns a float32 constant."""
    return tf.constant(np.asarray(array, np.float32))
