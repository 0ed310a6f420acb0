"""Counts the work for one clip."""

import os
import time

from gsf_tf.data.video.clip_limits import ClipLimits
from gsf_tf.errors import VideoError


class ClipBudget:
    """The work that is left for one clip; its clock starts when it is made.

    The same budget serves all passes over a clip, so that a clip that is decoded twice is no
    exception.

    Args:
        path: The clip, for messages.
        limits: How much work the clip may be.
    """

    def __init__(self, path: str | os.PathLike, limits: ClipLimits | None = None):
        self._path = path
        self._limits = limits or ClipLimits()
        self._pixels = 0
        self._end = time.monotonic() + self._limits.max_clip_seconds

    @property
    def seconds_left(self) -> float:
        """Seconds until the end, 0 or more."""
        return max(self._end - time.monotonic(), 0.0)

    def check_time(self, frames_decoded: int = 0) -> None:
        """Checks that there is time left.

        Args:
            frames_decoded: Number of frames so far, for the message.

        Raises:
            VideoError: If the time is over.
        """
        if time.monotonic() > self._end:
            raise out_of_time(self._path, self._limits.max_clip_seconds, frames_decoded)

    def count_frame(self, width: int, height: int, frames_decoded: int = 0) -> None:
        """Counts a decoded frame.

        Args:
            width: Width of the frame in pixels.
            height: Height of the frame in pixels.
            frames_decoded: Number of frames before this one, for the message.

        Raises:
            VideoError: If the frames have too many pixels together, or the time is over.
        """
        self._pixels += width * height
        if self._pixels > self._limits.max_clip_pixels:
            reason = (
                f"its frames have more than {self._limits.max_clip_pixels} pixels together "
                "(`max_clip_pixels`)"
            )
            raise VideoError(self._path, reason, frames_decoded)
        self.check_time(frames_decoded)


def out_of_time(path, seconds, frames_decoded=0):
    """Returns the `VideoError` of a clip that takes too long."""
    reason = f"decoding it takes more than {seconds:g} seconds (`max_clip_seconds`)"
    return VideoError(path, reason, frames_decoded)
