"""Decodes video files with PyAV to upright RGB frames.

Pixels are treated as square, as in the papers' frame extraction and other training pipelines: a
sample aspect ratio in the file is ignored.
"""

import contextlib
import dataclasses
import os
import struct
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import av
import numpy as np
from av.sidedata.sidedata import Type as SideDataType
from av.video.reformatter import Interpolation

from gsf_tf.data.video.clip_budget import ClipBudget
from gsf_tf.data.video.clip_errors import clip_errors
from gsf_tf.data.video.clip_limits import ClipLimits
from gsf_tf.data.video.frame_clock import FrameClock
from gsf_tf.data.video.video_stream import check_complete, demux, frame_rate, open_video
from gsf_tf.errors import VideoError


@dataclasses.dataclass(frozen=True)
class VideoInfo:
    """Properties of a video file as a player shows it.

    Attributes:
        num_frames: Number of packets in the video stream. It is the number of frames unless the
            stream is damaged or stores interlaced fields.
        height: Height of the upright picture, in pixels.
        width: Width of the upright picture, in pixels.
        frame_rate: Average frames per second, 0.0 if the file does not state it.
        rotation: Rotation that the file asks the player for, in degrees counterclockwise,
            -180..180; `height` and `width` already take it into account.
    """

    num_frames: int
    height: int
    width: int
    frame_rate: float
    rotation: int


# swscale widens the bicubic kernel in proportion to the reduction, so that the result is
# antialiased, and converts YUV to scaled RGB in one pass. The flags keep full chroma resolution
# and make the result the same on every processor.
_SCALING = (
    Interpolation.BICUBIC
    | Interpolation.ACCURATE_RND
    | Interpolation.FULL_CHR_H_INT
    | Interpolation.BITEXACT
)

# Display matrices that turn a picture by 0, 90, 180 and 270 degrees counterclockwise.
_TURNS = ((1, 0, 0, 1), (0, -1, 1, 0), (-1, 0, 0, -1), (0, 1, -1, 0))


class DecodedFrame(NamedTuple):
    """One upright frame: its position, its time in seconds, and uint8 RGB pixels `[H, W, 3]`."""

    index: int
    seconds: float | None
    pixels: np.ndarray


def probe(path: str | os.PathLike, limits: ClipLimits | None = None) -> VideoInfo:
    """Reads a video's properties by walking its packets and decoding its first frame.

    Args:
        path: Video file.
        limits: How much work the clip may be, by default `ClipLimits()`.

    Returns:
        A `VideoInfo`.

    Raises:
        VideoError: If the file is missing, is not a video, is cut off, or its first frame
            does not decode. Damage further inside shows only on decoding.
    """
    with open_video(path, ClipBudget(path, limits)) as video, clip_errors(path):
        first, num_frames = None, 0
        for packet in demux(video):
            num_frames += bool(packet.size) and not packet.is_discard
            if first is None:
                first = next(iter(packet.decode()), None)
        if first is None:
            raise VideoError(path, "the video stream holds no frame")
        check_complete(video, 0)
        transposed = display_matrix(first)[0] == 0
        height, width = first.height, first.width
        if transposed:
            height, width = width, height
        return VideoInfo(num_frames, height, width, frame_rate(video.stream), int(first.rotation))


def iterate_frames(
    path: str | os.PathLike,
    *,
    short_side: int | None = None,
    keep: Callable[[int], bool] = lambda index: True,
    budget: ClipBudget | None = None,
) -> Iterator[DecodedFrame]:
    """Decodes a video to its end, frame by frame, and yields the frames that `keep` chooses.

    Every frame is decoded, so that a file with damage anywhere always raises the same error,
    but only the frames that are kept are converted to RGB and scaled.

    Args:
        path: Video file.
        short_side: Frames whose shorter side is larger than this are scaled down to it, the
            aspect ratio kept; smaller frames stay as they are. `None` never scales.
        keep: A function from a frame's position, counted from 0, to whether it is yielded.
        budget: The work that is left for the clip, by default that of `ClipLimits()`.

    Yields:
        `DecodedFrame`s in display order. Their times count from the start of the file, as players
        do, and always increase.

    Raises:
        VideoError: If the file cannot be decoded to its end within the limits.
    """
    matrix = None
    with open_video(path, budget) as video:
        for count, (frame, seconds) in enumerate(_decode(video)):
            with clip_errors(path, count):
                matrix = matrix or display_matrix(frame)
            if keep(count):
                with clip_errors(path, count):
                    pixels = to_rgb(frame, short_side, matrix)
                yield DecodedFrame(count, seconds, pixels)


def _decode(video):
    """Yields the frames of a video with their times; any error of the decoder is a `VideoError`."""
    count, size = 0, None

    def decoded():
        return count

    with clip_errors(video.path, decoded):
        clock = FrameClock(video.container, video.stream)
        for packet in demux(video, decoded):
            clock.add(packet)
            for frame in packet.decode():
                seconds = clock.seconds(frame)
                if frame.is_corrupt:
                    raise VideoError(video.path, "a frame is damaged", count)
                size = size or (frame.width, frame.height)
                if (frame.width, frame.height) != size:
                    reason = f"the frame size changes from {size[0]}x{size[1]} to "
                    reason += f"{frame.width}x{frame.height} inside the video"
                    raise VideoError(video.path, reason, count)
                video.budget.count_frame(*size, count)
                yield frame, seconds
                count += 1
        if count == 0:
            raise VideoError(video.path, "the video stream holds no frame")
        check_complete(video, count)


def read_frames(
    path: str | os.PathLike,
    indices: Sequence[int] | None = None,
    short_side: int | None = None,
    limits: ClipLimits | None = None,
) -> np.ndarray:
    """Reads all frames of a video, or those at some positions.

    Args:
        path: Video file.
        indices: Positions of the frames to read, counted from 0, in any order and with
            repetitions; `None` reads all frames.
        short_side: Frames whose shorter side is larger than this are scaled down to it, the
            aspect ratio kept; smaller frames stay as they are. `None` never scales.
        limits: How much work the clip may be, by default `ClipLimits()`.

    Returns:
        uint8 RGB frames `[T, H, W, 3]`, upright.

    Raises:
        VideoError: If the file cannot be decoded to its end within the limits.
        ValueError: If an index lies outside the video.
    """
    budget = ClipBudget(path, limits)
    if indices is None:
        frames = iterate_frames(path, short_side=short_side, budget=budget)
        return np.stack([frame.pixels for frame in frames])
    wanted = set(map(int, indices))
    frames = iterate_frames(path, short_side=short_side, keep=wanted.__contains__, budget=budget)
    kept = {frame.index: frame.pixels for frame in frames}
    outside = sorted(wanted - set(kept))
    if outside:
        raise ValueError(
            f"`indices` must lie inside the video. Received: indices={outside} for `{path}`, which "
            "is shorter."
        )
    return np.stack([kept[int(index)] for index in indices])


def read_header(path: str | os.PathLike, budget: ClipBudget | None = None) -> tuple[int, float]:
    """Reads the number of frames and the frame rate of a video, without decoding it.

    Args:
        path: Video file.
        budget: As in `iterate_frames`.

    Returns:
        The number of frames that the header states, or the number of packets if it states none or
        more than the file has bytes; and the frames per second, 0.0 if unknown.

    Raises:
        VideoError: If the file cannot be opened as a video.
    """
    with open_video(path, budget) as video, clip_errors(path):
        num_frames = video.stream.frames
        if not 0 < num_frames <= min(os.fstat(video.file).st_size, 2**31 - 1):
            num_frames = 0
            with contextlib.suppress(av.error.FFmpegError):
                for packet in video.container.demux(video.stream):
                    video.budget.check_time()
                    num_frames += bool(packet.size)
        return num_frames, frame_rate(video.stream)


def to_rgb(frame, short_side, matrix):
    """Returns a decoded frame as upright uint8 RGB `[H, W, 3]`, scaled down to the short side.

    `matrix` is the `display_matrix` of the first frame.
    """
    width, height = frame.width, frame.height
    shorter = min(width, height)
    if short_side is not None and shorter > short_side:
        width = round(width * short_side / shorter)
        height = round(height * short_side / shorter)
    rgb = frame.reformat(width, height, "rgb24", interpolation=_SCALING, threads=1)
    return _upright(rgb.to_ndarray(), matrix)


def display_matrix(frame):
    """Returns (a, b, c, d), each -1, 0 or 1: x' = a x + c y, y' = b x + d y; y points down."""
    # PyAV's list of side data and its frame hold each other, and so keep the picture until Python
    # looks for such circles. A tiny copy has the same side data.
    frame = frame.reformat(2, 2, "rgb24", interpolation=Interpolation.POINT, threads=1)
    try:
        side_data = frame.side_data
    except ValueError:
        # PyAV 18 does not know every kind of side data of FFmpeg 8, such as the EXIF tags in the
        # Motion JPEG of cameras, and then fails to list any. `rotation` still has the angle.
        return _TURNS[round(frame.rotation / 90) % 4]
    for data in side_data:
        if data.type == SideDataType.DISPLAYMATRIX:
            a, b, _, c, d = struct.unpack("=5i", bytes(data)[:20])
            if abs(a) + abs(d) >= abs(b) + abs(c):
                return (-1 if a < 0 else 1, 0, 0, -1 if d < 0 else 1)
            return (0, -1 if b < 0 else 1, -1 if c < 0 else 1, 0)
    return (1, 0, 0, 1)


def _upright(pixels, matrix):
    a, b, c, d = matrix
    if a == 0:
        pixels = pixels.transpose(1, 0, 2)
    horizontal, vertical = a + c, b + d
    return np.ascontiguousarray(pixels[::vertical, ::horizontal])
