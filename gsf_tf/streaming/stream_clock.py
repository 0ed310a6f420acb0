"""The time of a stream, which goes on when its connection was lost and its clock began anew."""

import time
from collections.abc import Callable

# Seconds that a source may send again after a reconnection, or be ahead of our clock.
SLACK = 10.0
_ROUNDING = 1e-6


class StreamClock:
    """Turns the times of connections that follow each other into one time, which begins at 0.

    After a reconnection, the times of a live source are either those of the same clock: then what
    was there already is left out. Or the source began anew: then the stream goes on after the
    seconds that have passed on our own clock. The source began anew if its time is more than
    `SLACK` earlier than that of the last frame, or more than `SLACK` later than our own clock
    expects. It always begins anew where the times count from zero in each connection. A video with
    an end is the same one again, so its times always are those of the same clock.

    Args:
        now: Our own clock, in seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic):
        self._now = now
        self._offset, self._last, self._last_seen = None, None, None
        self._begins_live = self._from_zero = False

    def connect(self, is_live: bool, from_zero: bool = False) -> None:
        """Takes note of a new connection.

        Args:
            is_live: Whether the source has no known end.
            from_zero: Whether the times of a live source count from zero in each connection.
        """
        self._begins_live, self._from_zero = is_live, from_zero

    def seconds(self, time_stamp: float) -> float | None:
        """Returns the time of a frame in the stream, None for one that was there before.

        Args:
            time_stamp: Seconds on the clock of the connection; they increase.
        """
        now = self._now()
        if self._offset is None:
            self._offset = -time_stamp
        elif self._begins_live:
            expected = self._last + (now - self._last_seen)
            same_clock = self._last - SLACK <= time_stamp + self._offset <= expected + SLACK
            if self._from_zero or not same_clock:
                self._offset = expected - time_stamp
        self._begins_live = False
        seconds = time_stamp + self._offset
        if self._last is not None and seconds <= self._last + _ROUNDING:
            return None
        self._last, self._last_seen = seconds, now
        return seconds
