"""Which classes a model takes for each other."""

import dataclasses
from collections.abc import Sequence

import numpy as np


@dataclasses.dataclass(frozen=True)
class ConfusedPair:
    """Two classes that a model takes for each other.

    Attributes:
        first: Name of the class that is taken for the other more often.
        second: Name of the other class.
        times: Number of videos of `first` that are taken for `second`, and of `second` for `first`.
        back: How many of them are videos of `second`.
        videos: Number of all videos of both classes.
    """

    first: str
    second: str
    times: int
    back: int
    videos: int

    @property
    def share(self) -> float:
        """Share of the videos of both classes that are taken for the other, in 0..1."""
        return self.times / self.videos


def confused_pairs(
    confusion: np.ndarray, class_names: Sequence[str], count: int = 10
) -> list[ConfusedPair]:
    """Returns the pairs of classes that are taken for each other most often.

    Args:
        confusion: Counts `[K, K]`; rows are the true classes, columns the predicted ones.
        class_names: Names of the K classes.
        count: Largest number of pairs.

    Returns:
        A list of `ConfusedPair`, the most frequent first; without pairs that are never confused.

    Raises:
        ValueError: If the shapes do not agree.
    """
    confusion = np.asarray(confusion)
    classes = len(class_names)
    if confusion.shape != (classes, classes):
        raise ValueError(
            "`confusion` must be [K, K] with a name per class. Received: confusion of shape "
            f"{confusion.shape}, {classes} names"
        )
    both = np.triu(confusion + confusion.T, 1)
    order = np.argsort(-both, axis=None, kind="stable")[:count]
    videos = confusion.sum(axis=1)
    pairs = []
    for a, b in zip(*np.unravel_index(order, both.shape), strict=True):
        if both[a, b]:
            first, second = (a, b) if confusion[a, b] >= confusion[b, a] else (b, a)
            pairs.append(
                ConfusedPair(
                    class_names[first],
                    class_names[second],
                    int(both[a, b]),
                    int(confusion[second, first]),
                    int(videos[a] + videos[b]),
                )
            )
    return pairs
