"""Chooses frames of a video at a constant rate, by their times."""

import math

# Seconds by which a frame may come too early for its tick.
_EARLY = 1e-3


class FrameTicks:
    """The ticks k / rate of a stream, and which frame belongs to each.

    A tick has the first frame that does not come before it. A frame can belong to several ticks,
    where the video has fewer frames than the model takes, and to none, where it has more. Where no
    frame comes for longer than `gap` seconds, the ticks in between have no frame.

    Args:
        rate: Ticks per second, above 0.
        gap: Seconds without a frame that are a gap, above 0.
    """

    def __init__(self, rate: float, gap: float):
        self._rate, self._gap = rate, gap
        self._next, self._last = 0, None

    def ticks(self, seconds: float) -> tuple[range, float | None]:
        """Returns the numbers of the ticks of a frame, and the length of the gap before it.

        Args:
            seconds: Time of the frame, which increases.

        Returns:
            The ticks, and the seconds since the frame before if they are a gap, else None.
        """
        before, self._last = self._last, seconds
        gap = None if before is None or seconds - before <= self._gap else seconds - before
        end = math.floor((seconds + _EARLY) * self._rate) + 1
        if gap is not None:
            # Only ticks after the gap: this frame shows nothing of what was before.
            self._next = max(self._next, end - 1)
        ticks = range(self._next, max(end, self._next))
        self._next = ticks.stop
        return ticks, gap
