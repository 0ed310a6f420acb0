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


# A header that announces more is damaged or hostile; 8K video has 33 million pixels.
MAX_PIXELS = 2**26

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

# No playlist or reference inside a file may open anything but local files.
_CONTAINER_OPTIONS = {"protocol_whitelist": "file"}


class DecodedFrame(NamedTuple):
    """One upright frame: its position, its time in seconds, and uint8 RGB pixels `[H, W, 3]`."""

    index: int
    seconds: float | None
    pixels: np.ndarray


def probe(path: str | os.PathLike) -> VideoInfo:
    """Reads a video's properties by walking its packets and decoding its first frame.

    Args:
        path: Video file of any format that FFmpeg knows.

    Returns:
        A `VideoInfo`.

    Raises:
        VideoError: If the file is missing, is not a video, is cut off, or its first frame
            does not decode. Damage further inside shows only on decoding.
    """
    with open_video(path) as (container, stream):
        rate = float(stream.average_rate or stream.guessed_rate or 0)
        first, num_frames = None, 0
        with decoding_errors(path, lambda: 0):
            for packet in container.demux(stream):
                num_frames += bool(packet.size) and not packet.is_discard
                check_packet(path, packet, 0)
                if first is None:
                    first = next(iter(packet.decode()), None)
        if first is None:
            raise VideoError(path, "the video stream holds no frame")
        _check_complete(path, container, stream, num_frames, 0)
        transposed = _display_matrix(first)[0] == 0
        height, width = first.height, first.width
        if transposed:
            height, width = width, height
        return VideoInfo(num_frames, height, width, rate, int(first.rotation))


def iterate_frames(
    path: str | os.PathLike,
    *,
    short_side: int | None = None,
    keep: Callable[[int], bool] = lambda index: True,
) -> Iterator[DecodedFrame]:
    """Decodes a video to its end, frame by frame, and yields the frames that `keep` chooses.

    Every frame is decoded, so that a file with damage anywhere always raises the same error,
    but only the frames that are kept are converted to RGB and scaled.

    Args:
        path: Video file of any format that FFmpeg knows.
        short_side: Frames whose shorter side is larger than this are scaled down to it, the
            aspect ratio kept; smaller frames stay as they are. `None` never scales.
        keep: A function from a frame's position, counted from 0, to whether it is yielded.

    Yields:
        `DecodedFrame`s in display order.

    Raises:
        VideoError: If the file cannot be decoded to its end.
    """
    count = 0
    with open_video(path) as (container, stream):
        packets, size = 0, None
        with decoding_errors(path, lambda: count):
            for packet in container.demux(stream):
                packets += bool(packet.size)
                check_packet(path, packet, count)
                for frame in packet.decode():
                    if frame.is_corrupt:
                        raise VideoError(path, "a frame is damaged", count)
                    size = size or (frame.width, frame.height)
                    if (frame.width, frame.height) != size:
                        reason = f"the frame size changes from {size[0]}x{size[1]} to "
                        reason += f"{frame.width}x{frame.height} inside the video"
                        raise VideoError(path, reason, count)
                    if keep(count):
                        yield DecodedFrame(count, frame.time, to_rgb(frame, short_side))
                    count += 1
        if count == 0:
            raise VideoError(path, "the video stream holds no frame")
        _check_complete(path, container, stream, packets, count)


def read_frames(
    path: str | os.PathLike,
    indices: Sequence[int] | None = None,
    short_side: int | None = None,
) -> np.ndarray:
    """Reads all frames of a video, or those at some positions.

    Args:
        path: Video file of any format that FFmpeg knows.
        indices: Positions of the frames to read, counted from 0, in any order and with
            repetitions; `None` reads all frames.
        short_side: As in `iterate_frames`.

    Returns:
        uint8 RGB frames `[T, H, W, 3]`, upright.

    Raises:
        VideoError: If the file cannot be decoded to its end.
        ValueError: If an index lies outside the video.
    """
    if indices is None:
        frames = iterate_frames(path, short_side=short_side)
        return np.stack([frame.pixels for frame in frames])
    wanted = set(map(int, indices))
    frames = iterate_frames(path, short_side=short_side, keep=wanted.__contains__)
    kept = {frame.index: frame.pixels for frame in frames}
    outside = sorted(wanted - set(kept))
    if outside:
        raise ValueError(
            f"`indices` must lie inside the video. Received: indices={outside} for `{path}`, which "
            "is shorter."
        )
    return np.stack([kept[int(index)] for index in indices])


def read_header(path: str | os.PathLike) -> tuple[int, float]:
    """Reads the number of frames and the frame rate of a video, without decoding it.

    Args:
        path: Video file of any format that FFmpeg knows.

    Returns:
        The number of frames that the header states, or the number of packets if it states none;
        and the frames per second, 0.0 if unknown.

    Raises:
        VideoError: If the file cannot be opened as a video.
    """
    with open_video(path) as (container, stream):
        num_frames = stream.frames
        if num_frames == 0:
            with contextlib.suppress(av.error.FFmpegError):
                for packet in container.demux(stream):
                    num_frames += bool(packet.size)
        return num_frames, float(stream.average_rate or stream.guessed_rate or 0)


@contextlib.contextmanager
def open_video(path):
    """Opens a video for decoding in one thread; the value is (container, video stream)."""
    path = os.fspath(path)
    if not os.path.exists(path):
        raise VideoError(path, "the file does not exist")
    if not os.path.isfile(path):
        raise VideoError(path, "it is not a regular file")
    if os.path.getsize(path) == 0:
        raise VideoError(path, "the file has zero bytes")
    try:
        container = av.open(path, container_options=_CONTAINER_OPTIONS)
    except av.error.FFmpegError as error:
        reason = f"no video format was recognized, or its header is cut off ({error.strerror})"
        raise VideoError(path, reason) from error
    with container:
        if not container.streams.video:
            reason = "no video stream was found (sound only, or the header is cut off)"
            raise VideoError(path, reason)
        stream = container.streams.video[0]
        context = stream.codec_context
        if context is None:
            raise VideoError(path, "this build of PyAV has no decoder for its video codec")
        if context.width * context.height > MAX_PIXELS:
            size = f"{context.width}x{context.height}"
            raise VideoError(path, f"the header announces frames of {size} pixels")
        context.thread_count = 1
        yield container, stream


@contextlib.contextmanager
def decoding_errors(path, frames_decoded):
    """Turns FFmpeg's errors into a `VideoError` with the number `frames_decoded()`."""
    try:
        yield
    except (av.error.FFmpegError, MemoryError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise VideoError(path, f"decoding failed ({reason})", frames_decoded()) from error


def check_packet(path, packet, frames_decoded):
    """Raises a `VideoError` for a packet that the demuxer has marked as damaged."""
    if packet.is_corrupt:
        raise VideoError(path, "the file is cut off or damaged", frames_decoded)


def _check_complete(path, container, stream, packets, frames_decoded):
    """Raises a `VideoError` for a file that ends early without an error of the demuxer."""
    names = container.format.name.split(",")
    cut_off = ("mp4" in names and packets < len(stream.index_entries)) or (
        "matroska" in names and _matroska_end(path) > os.path.getsize(path)
    )
    if cut_off:
        raise VideoError(path, "the file is cut off", frames_decoded)


def _matroska_end(path):
    """Returns the length in bytes that a Matroska or WebM file states, 0 if it states none."""

    def read_size(file):
        first = file.read(1)[0]
        length = 9 - first.bit_length()
        value = (first << 8 * (length - 1)) | int.from_bytes(file.read(length - 1), "big")
        value &= (1 << 7 * length) - 1
        unknown = value == (1 << 7 * length) - 1
        return None if unknown else value

    with open(path, "rb") as file:
        try:
            file.seek(4)
            file.seek(read_size(file), os.SEEK_CUR)
            if file.read(4) != b"\x18\x53\x80\x67":
                return 0
            size = read_size(file)
            return 0 if size is None else file.tell() + size
        except (IndexError, TypeError):
            return 0


def to_rgb(frame, short_side):
    """Returns a decoded frame as upright uint8 RGB `[H, W, 3]`, scaled down to the short side."""
    width, height = frame.width, frame.height
    shorter = min(width, height)
    if short_side is not None and shorter > short_side:
        width = round(width * short_side / shorter)
        height = round(height * short_side / shorter)
    rgb = frame.reformat(width, height, "rgb24", interpolation=_SCALING, threads=1)
    return _upright(rgb.to_ndarray(), _display_matrix(frame))


def _display_matrix(frame):
    """Returns (a, b, c, d), each -1, 0 or 1: x' = a x + c y, y' = b x + d y; y points down."""
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
