from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from gsf_tf.export.graph.deferred import Deferred


class ChannelParts:
    """A map of the model, kept in parts by channel, and in any order of channels.

    A layer that reads some channels and leaves the others gives parts, so that nobody splits and
    joins maps. A layer that permutes channels only renames them: the next convolution permutes its
    kernel.

    Args:
        parts: Pairs of the channels of the model's map that a part holds, and the part: a tensor
            `[..., C]` or a `Deferred`.
        padding: Zeros around the map, `((top, bottom), (left, right))`; None for none.
    """

    def __init__(
        self,
        parts: Sequence[tuple[np.ndarray, tf.Tensor | Deferred]],
        padding: tuple | None = None,
    ):
        self.parts = list(parts)
        self.padding = padding

    @classmethod
    def of(cls, value: tf.Tensor | Deferred) -> "ChannelParts":
        """Returns the map in one part, in the model's order of channels."""
        is_tensor = not isinstance(value, Deferred)
        size = value.shape[-1] if is_tensor else len(value.channels)
        return cls([(np.arange(size), value)])

    @property
    def groups(self) -> list[np.ndarray]:
        """The channels of each part."""
        return [channels for channels, _ in self.parts]

    @property
    def size(self) -> int:
        """Number of channels."""
        return sum(map(len, self.groups))

    def map(self, function: Callable[[np.ndarray, object], object]) -> "ChannelParts":
        """Returns the parts with new values, each `function(channels, value)`."""
        return ChannelParts([(c, function(c, value)) for c, value in self.parts], self.padding)

    def tensors(self) -> "ChannelParts":
        """Returns the same map with all of its parts in the graph, padded."""
        done = self.map(lambda _, value: value.tensor() if isinstance(value, Deferred) else value)
        if self.padding is None:
            return done
        around = [(0, 0), *self.padding, (0, 0)]
        return ChannelParts([(c, tf.pad(value, around)) for c, value in done.parts])

    def joined(self) -> "ChannelParts":
        """Returns the map as one tensor, in the order of its parts."""
        parts = self.tensors().parts
        if len(parts) == 1:
            return ChannelParts(parts)
        channels = np.concatenate([c for c, _ in parts])
        return ChannelParts([(channels, tf.concat([value for _, value in parts], -1))])

    def tensor(self) -> tf.Tensor:
        """Returns the map as one tensor, in the model's order of channels."""
        ((channels, value),) = self.joined().parts
        if np.array_equal(channels, np.arange(len(channels))):
            return value
        return tf.gather(value, np.argsort(channels), axis=-1)

    def is_divisible(self) -> bool:
        """Returns whether `divided` costs no operation."""
        if len(self.parts) > 1 or self.padding is not None:
            return False
        ((channels, value),) = self.parts
        is_sorted = np.array_equal(channels, np.arange(len(channels)))
        return is_sorted and isinstance(value, Deferred) and value.is_divisible

    def divided(self, groups: Sequence[np.ndarray]) -> "ChannelParts":
        """Returns the map in other parts.

        Args:
            groups: The channels of each part, all channels together.
        """
        if len(groups) == len(self.parts) and all(map(np.array_equal, groups, self.groups)):
            return self
        if self.is_divisible():
            ((_, value),) = self.parts
            return ChannelParts([(group, value.take(group)) for group in groups])
        whole = self.tensor()
        return ChannelParts([(group, _channels_of(whole, group)) for group in groups])


def aligned(maps: Sequence[ChannelParts]) -> list[ChannelParts]:
    """Returns maps of equal channels with equal parts, at the least cost."""
    leader = next((m for m in maps if not m.is_divisible()), maps[0])
    if leader.padding is None:
        return [m.divided(leader.groups) for m in maps]
    return [ChannelParts.of(m.tensor()) for m in maps]


def _channels_of(x, channels):
    first, last = channels[0], channels[-1]
    if np.array_equal(channels, np.arange(first, last + 1)):
        return x if len(channels) == x.shape[-1] else x[..., first : last + 1]
    return tf.gather(x, channels, axis=-1)
