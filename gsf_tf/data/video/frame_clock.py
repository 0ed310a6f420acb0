"""Tells the times of the frames of a video."""

import collections

import av

from gsf_tf.data.video.video_stream import file_start, frame_rate, open_video


def has_times_by_order(video) -> bool:
    """Returns whether a file stores the order of decoding only, and its frames have another order.

    Such frames have their times from a `FrameClock` that has seen all packets before them.

    Args:
        video: The `OpenVideo`.
    """
    if not video.stream.codec_context.has_b_frames:
        return False
    if video.container.format.name != "matroska,webm":
        return video.container.format.name == "avi"
    # A second opening, because this one must not lose the packet.
    with open_video(video.path, video.budget) as again:
        again.container.flags &= ~av.container.Flags.gen_pts.value
        for packet in again.container.demux(again.stream):
            again.budget.check_time()
            if packet.size:
                return packet.pts is None
    return False


class FrameClock:
    """Gives each frame a time in seconds since the start of the file, later than the one before.

    AVI stores no times of display but the order of decoding, one frame period each, so the frames
    take these times in the order in which they are shown. Where times go back, as in transport
    streams put end to end, the frames follow one period after the frame before.

    Args:
        container: PyAV's container.
        stream: The video stream in it.
    """

    def __init__(self, container, stream):
        self._start = float(file_start(container, stream))
        self._period = 1 / (frame_rate(stream) or 25)
        self._offset, self._last = 0.0, None
        self._waiting = collections.deque()
        self._by_order = container.format.name == "avi"
        self._guess = container.format.name == "matroska,webm"  # AVI's streams in Matroska.
        if self._by_order or self._guess:
            # PyAV has FFmpeg invent times of display, which are wrong for B-frames.
            container.flags &= ~av.container.Flags.gen_pts.value

    def add(self, packet):
        """Takes note of a packet before its frames are decoded."""
        if packet.dts is None or not packet.size:
            return
        self._by_order = self._by_order or (self._guess and packet.pts is None)
        self._guess = False
        if self._by_order:
            self._waiting.append(float(packet.dts * packet.time_base))

    def seconds(self, frame):
        """Returns the time of the next frame, None if the file has no times."""
        time = frame.time
        if self._by_order:
            time = self._waiting.popleft() if self._waiting else None
        if time is None:
            if self._last is not None:
                self._last += self._period
            return self._last
        time += self._offset - self._start
        if self._last is not None and time <= self._last:
            self._offset += self._last + self._period - time
            time = self._last + self._period
        self._last = time
        return time
