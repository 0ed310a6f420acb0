"""Segments of a long video, each of one class, from the answers of a stream."""

import dataclasses
from collections.abc import Iterator

import numpy as np

from gsf_tf.errors import UserError


@dataclasses.dataclass(frozen=True)
class ActionSegment:
    """A part of a video in which one class is the most probable.

    Attributes:
        start: Seconds at which it begins.
        end: Seconds at which it ends.
        label: Number of the class.
        score: Mean probability of the class over the answers that it is made of.
    """

    start: float
    end: float
    label: int
    score: float


class ActionSegments:
    """Puts the answers of a stream together to segments.

    1. An answer belongs to its most probable class if the probability is at least `threshold`, and
       to no class otherwise. It covers `period` seconds from its time on.
    2. Answers that follow each other and belong to one class are a segment.
    3. Two segments of one class with at most `merge` seconds between them, in which no answer
       belongs to another class, are merged to one.
    4. Segments shorter than `shortest` seconds are left out, after the merging.

    A segment is known as soon as nothing can be merged to it any more.

    Args:
        period: Seconds between two answers, above 0.
        threshold: Probability in 0..1.
        merge: Seconds, at least 0.
        shortest: Seconds, at least 0.

    Raises:
        UserError: If a value is out of range.
    """

    def __init__(
        self,
        period: float,
        threshold: float = 0.5,
        merge: float = 1.0,
        shortest: float = 0.0,
    ):
        if not 0 <= threshold <= 1:
            raise UserError(f"`threshold` must be in 0..1. Received: threshold={threshold}")
        for name, value in (("merge", merge), ("shortest", shortest)):
            if not (value >= 0 and np.isfinite(value)):
                raise UserError(f"`{name}` must be seconds >= 0. Received: {name}={value}")
        self._period, self._threshold, self._merge = period, threshold, merge
        self._shortest = shortest
        self._label, self._start, self._end = None, 0.0, 0.0
        self._total, self._count = 0.0, 0

    def add(self, seconds: float, probabilities: np.ndarray) -> Iterator[ActionSegment]:
        """Adds an answer and yields the segment that has ended, if one has.

        Args:
            seconds: Time of the answer, later than the one before.
            probabilities: `[K]`, those of the classes.
        """
        label = int(np.argmax(probabilities))
        score = float(probabilities[label])
        belongs = score >= self._threshold
        is_late = seconds - self._end > self._merge + self._period / 1000
        if self._label is not None and (is_late or (belongs and label != self._label)):
            yield from self.finish()
        if belongs:
            if self._label is None:
                self._label, self._start = label, seconds
            self._total, self._count = self._total + score, self._count + 1
            self._end = seconds + self._period

    def finish(self) -> Iterator[ActionSegment]:
        """Ends the segment that has begun, at the end of a video or at a gap, and yields it."""
        label, self._label = self._label, None
        total, count, self._total, self._count = self._total, self._count, 0.0, 0
        if label is not None and self._end - self._start >= self._shortest - 1e-9:
            yield ActionSegment(self._start, self._end, label, total / count)
