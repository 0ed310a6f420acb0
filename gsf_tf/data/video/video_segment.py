"""Decodes a part of a long video."""

import itertools
import math
import os
from collections.abc import Callable, Iterator

from gsf_tf.data.video.clip_budget import ClipBudget
from gsf_tf.data.video.clip_errors import clip_errors
from gsf_tf.data.video.frame_clock import FrameClock, has_times_by_order
from gsf_tf.data.video.video_file import DecodedFrame, display_matrix, to_rgb
from gsf_tf.data.video.video_stream import demux, file_start, frame_rate, open_video
from gsf_tf.errors import VideoError

# Annotated ends of EPIC-KITCHENS are rounded and may lie a little behind the last frame.
_MISSING_SECONDS = 0.5

# Times are sums of fractions of the container's clock; a frame lasts far longer than this.
_TIME_TOLERANCE = 1e-6


def read_segment_header(
    path: str | os.PathLike, start: float, stop: float, budget: ClipBudget | None = None
) -> tuple[int, float]:
    """Estimates the number of frames of a part from the frame rate of the video.

    Only the header is read, since a video may be hours long and have hundreds of parts.

    Args:
        path: Video file of any format that FFmpeg knows.
        start: Start of the part, in seconds since the start of the file, which is that of its sound
            if the sound begins first. Players and `ffmpeg -ss` count in the same way.
        stop: End of the part, in the same seconds.
        budget: As in `iterate_frames`.

    Returns:
        The estimated number of frames and the frames per second, 0.0 if unknown.

    Raises:
        VideoError: If the file cannot be opened as a video.
    """
    with open_video(path, budget) as video:
        rate = frame_rate(video.stream)
    return round((stop - start) * rate), rate


def iterate_segment(
    path: str | os.PathLike,
    start: float,
    stop: float,
    *,
    short_side: int | None = None,
    keep: Callable[[int], bool] = lambda index: True,
    budget: ClipBudget | None = None,
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
        budget: As in `iterate_frames`.

    Yields:
        `DecodedFrame`s in display order; their times count from the start of the file.

    Raises:
        VideoError: If the part cannot be decoded, holds no frame, or ends more than half a
            second after the video.
    """
    part = f"the part from {start} s to {stop} s"
    count, end, matrix = 0, 0.0, None
    with open_video(path, budget) as video:
        period = 1 / (frame_rate(video.stream) or 1)
        for frame, seconds in _frames_of_part(video, start, stop):
            if seconds >= stop - _TIME_TOLERANCE:
                end = stop
                break
            end = seconds + period
            if seconds < start - _TIME_TOLERANCE:
                continue
            if keep(count):
                with clip_errors(path, count):
                    matrix = matrix or display_matrix(frame)
                    pixels = to_rgb(frame, short_side, matrix)
                yield DecodedFrame(count, seconds, pixels)
            count += 1
    if end < stop - _MISSING_SECONDS:
        raise VideoError(path, f"{part} is not complete, the video ends at {end:.2f} s", count)
    if count == 0:
        raise VideoError(path, f"{part} holds no frame")


def _frames_of_part(video, start, stop):
    """Yields at least the frames of the part, each with its time in seconds.

    Only frames of the part must be whole.
    """
    count, size = 0, None
    with clip_errors(video.path, lambda: count):
        by_order = has_times_by_order(video)
        for frame, seconds in _all_frames(video) if by_order else _frames_from(video, start):
            video.budget.count_frame(frame.width, frame.height, count)
            inside = start - _TIME_TOLERANCE <= seconds < stop - _TIME_TOLERANCE
            if inside:
                size = size or (frame.width, frame.height)
                if frame.is_corrupt or (frame.width, frame.height) != size:
                    reason = "a frame is damaged" if frame.is_corrupt else "the frame size changes"
                    raise VideoError(video.path, reason, count)
            yield frame, seconds
            count += inside


def _all_frames(video):
    """Yields all frames with their seconds, which follow from their order."""
    clock = FrameClock(video.container, video.stream)
    for packet in demux(video):
        clock.add(packet)
        for frame in packet.decode():
            seconds = clock.seconds(frame)
            if seconds is None:
                raise _no_part(video.path, "have no time")
            yield frame, seconds


def _frames_from(video, start):
    """Yields the frames from the key frame before `start` on, with their seconds."""
    first = file_start(video.container, video.stream)
    time = first + start
    # Some formats seek by decoding time and land behind it, or
    # where no further key frame is.
    for margin in (0, 1, 10, None):
        target = first if margin is None else max(time - margin, first)
        video.container.seek(int(target / video.stream.time_base), stream=video.stream)
        frames = _decode(video.path, demux(video))
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
                raise _no_part(path, fault)
            last = frame.time
            yield frame


def _no_part(path, fault):
    reason = f"its frames {fault}, so no part can be cut out; convert it to mp4"
    return VideoError(path, reason)
