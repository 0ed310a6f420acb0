"""Decodes a part of a long video."""

import itertools
import math
import os
from collections.abc import Callable, Iterator

from gsf_tf.data.video.frame_clock import FrameClock, has_times_by_order
from gsf_tf.data.video.video_file import DecodedFrame, to_rgb
from gsf_tf.data.video.video_stream import decoding_errors, demux, file_start, open_video
from gsf_tf.errors import VideoError

# Annotated ends of EPIC-KITCHENS are rounded and may lie a little behind the last frame.
_MISSING_SECONDS = 0.5

# Times are sums of fractions of the container's clock; a frame lasts far longer than this.
_TIME_TOLERANCE = 1e-6


def read_segment_header(path: str | os.PathLike, start: float, stop: float) -> tuple[int, float]:
    """Estimates the number of frames of a part from the frame rate of the video.

    Only the header is read, since a video may be hours long and have hundreds of parts.

    Args:
        path: Video file of any format that FFmpeg knows.
        start: Start of the part, in seconds since the start of the file, which is that of its sound
            if the sound begins first. Players and `ffmpeg -ss` count in the same way.
        stop: End of the part, in the same seconds.

    Returns:
        The estimated number of frames and the frames per second, 0.0 if unknown.

    Raises:
        VideoError: If the file cannot be opened as a video.
    """
    with open_video(path) as (_, stream):
        rate = float(stream.average_rate or stream.guessed_rate or 0)
    return round((stop - start) * rate), rate


def iterate_segment(
    path: str | os.PathLike,
    start: float,
    stop: float,
    *,
    short_side: int | None = None,
    keep: Callable[[int], bool] = lambda index: True,
) -> Iterator[DecodedFrame]:
    """Decodes the frames of a video with `start` <= time < `stop`.

    Decoding begins at the key frame before `start`, so that a short part of a long video costs
    the same wherever it lies. Damage outside the part is not noticed. In AVI with B-frames, whose
    times follow from the order of all frames, decoding begins at the start of the file.

    Args:
        path: Video file of any format that FFmpeg knows and can seek in.
        start: Start of the part, in seconds since the start of the file, which is that of its sound
            if the sound begins first. Players and `ffmpeg -ss` count in the same way.
        stop: End of the part, in the same seconds.
        short_side: As in `iterate_frames`.
        keep: A function from a frame's position in the part, counted from 0, to whether it is
            yielded.

    Yields:
        `DecodedFrame`s in display order; their times count from the start of the file.

    Raises:
        VideoError: If the part cannot be decoded, holds no frame, or ends more than half a
            second after the video.
    """
    count, end, size = 0, 0.0, None
    with open_video(path) as (container, stream), decoding_errors(path, lambda: count):
        period = float(1 / (stream.average_rate or stream.guessed_rate or 1))
        frames = _all_frames if has_times_by_order(path, container, stream) else _frames_from
        for frame, seconds in frames(path, container, stream, start):
            if seconds >= stop - _TIME_TOLERANCE:
                end = stop
                break
            end = seconds + period
            if seconds < start - _TIME_TOLERANCE:
                continue
            size = size or (frame.width, frame.height)
            if frame.is_corrupt or (frame.width, frame.height) != size:
                reason = "a frame is damaged" if frame.is_corrupt else "the frame size changes"
                raise VideoError(path, reason, count)
            if keep(count):
                yield DecodedFrame(count, seconds, to_rgb(frame, short_side))
            count += 1
    part = f"the part from {start} s to {stop} s"
    if end < stop - _MISSING_SECONDS:
        raise VideoError(path, f"{part} is not complete, the video ends at {end:.2f} s", count)
    if count == 0:
        raise VideoError(path, f"{part} holds no frame")


def _all_frames(path, container, stream, start):
    """Yields all frames with their seconds, which follow from their order."""
    clock = FrameClock(container, stream)
    for packet in demux(path, container, stream):
        clock.add(packet)
        for frame in packet.decode():
            yield frame, clock.seconds(frame)


def _frames_from(path, container, stream, start):
    """Yields the frames from the key frame before `start` on, with their seconds."""
    first = file_start(container, stream)
    time = first + start
    # Some formats seek by decoding time and land behind it, or
    # where no further key frame is.
    for margin in (0, 1, 10, None):
        target = first if margin is None else max(time - margin, first)
        container.seek(int(target / stream.time_base), stream=stream)
        frames = _decode(path, demux(path, container, stream))
        head = next(frames, None)
        if target > first and (head is None or head.time > time + _TIME_TOLERANCE):
            continue
        if head is not None:
            for frame in itertools.chain([head], frames):
                yield frame, frame.time - float(first)
        return


def _decode(path, packets):
    last = -math.inf
    for packet in packets:
        for frame in packet.decode():
            # Transport streams that were put end to end, or a file without times.
            if frame.time is None or frame.time <= last:
                fault = "have no time" if frame.time is None else "have times that go back"
                reason = f"its frames {fault}, so no part can be cut out; convert it to mp4"
                raise VideoError(path, reason)
            last = frame.time
            yield frame
