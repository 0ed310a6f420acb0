"""Makes the model's frames of a video that comes frame by frame."""

import time
from collections.abc import Iterator

from gsf_tf.data import frames_to_clip
from gsf_tf.data.video.video_file import display_matrix, to_rgb
from gsf_tf.streaming.frame_ticks import FrameTicks
from gsf_tf.streaming.sampled_frame import SampledFrame
from gsf_tf.streaming.stream_event import StreamEvent
from gsf_tf.streaming.stream_settings import StreamSettings


class FrameSampler:
    """Chooses the frames of one video by their times, and scales and crops them.

    Args:
        video: Name of the video, without passwords.
        settings: `StreamSettings`.

    Attributes:
        seconds: Time of the last frame; None before the first one.
        damaged: Number of frames so far whose pixels cannot be read, which were left out.
    """

    def __init__(self, video: str, settings: StreamSettings):
        self._video, self._settings = video, settings
        self._ticks = FrameTicks(settings.rate, settings.gap)
        self._size, self._matrix = None, None
        self._owed = []  # Ticks of frames whose pixels could not be read.
        self.seconds, self.damaged = None, 0

    def add(self, frame, seconds: float) -> Iterator[SampledFrame | StreamEvent]:
        """Yields what a decoded frame gives: one frame for each of its ticks, after the events that
        it causes.

        A frame whose pixels cannot be read gives none; its ticks have the next frame.

        Args:
            frame: PyAV's frame.
            seconds: Its time in the stream, later than that of the frame before.
        """
        try:
            matrix = display_matrix(frame)
        except Exception:  # Side data may be damaged in any way; see `clip_errors`.
            self.damaged += 1
            return
        yield from self._look_at_size(frame, matrix)
        ticks, gap = self._ticks.ticks(seconds)
        if gap is not None:
            self._owed = []
            yield self.event("gap", f"No frame came for {gap:.2f} seconds; the model begins anew.")
        self.seconds, self._owed = seconds, [*self._owed, *ticks]
        if not self._owed:
            return
        try:
            pixels, picture = self._pixels(frame)
        except Exception:  # Of any type, as those of a decoder.
            self.damaged += 1
            return
        ticks, self._owed = self._owed, []
        for tick in ticks:
            at = tick / self._settings.rate
            yield SampledFrame(self._video, tick, at, time.time(), pixels, picture)

    def event(self, kind: str, text: str) -> StreamEvent:
        """Returns an event at the time of the last frame."""
        return StreamEvent(kind, text, self._video, self.seconds)

    def _pixels(self, frame):
        """Returns the model's pixels, and the picture for people, None if none is asked for."""
        whole = to_rgb(frame, self._settings.short_side, self._matrix)
        pixels = frames_to_clip(whole[None], 1, self._settings.image_size)[0]
        side = self._settings.picture_side
        return pixels, None if side is None else to_rgb(frame, side, self._matrix)

    def _look_at_size(self, frame, matrix):
        size, before = (frame.width, frame.height), self._size
        if size == before:
            return
        self._size, self._matrix = size, matrix
        if before is not None:
            change = "from {}x{} to {}x{}".format(*before, *size)
            yield self.event("size", f"The size of the frames changes {change}.")
