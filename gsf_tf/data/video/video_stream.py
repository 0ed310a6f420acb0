"""Opens a video file, chooses the stream that is the video, and reads its packets."""

import contextlib
import fractions
import os
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import av
from av.stream import Disposition

from gsf_tf.data.video.allocation_limit import limit_allocations
from gsf_tf.data.video.clip_budget import ClipBudget
from gsf_tf.data.video.clip_errors import clip_errors, describe
from gsf_tf.data.video.clip_file import open_clip_file
from gsf_tf.data.video.container_formats import container_options, refused_format
from gsf_tf.errors import VideoError

# A header that announces more is damaged or hostile; 8K video has 33 million pixels.
MAX_PIXELS = 2**26

_DECODER_OPTIONS = {"max_pixels": str(MAX_PIXELS)}

# PyAV takes 0 seconds for no limit in some versions.
_SHORTEST_TIMEOUT = 0.01

COVER = Disposition.attached_pic | Disposition.timed_thumbnails

# FFmpeg marks a frame where the counters of a transport stream jump, or the frame before it.
_FRAMES_BEFORE_JOIN = 2
_TS_PACKET = 188


class OpenVideo(NamedTuple):
    """A video that is open for decoding in one thread.

    Attributes:
        path: The file, for messages.
        file: Its file descriptor; FFmpeg has another one.
        container: PyAV's container.
        stream: The video stream in it.
        budget: The work that is left for the clip.
    """

    path: str
    file: int
    container: av.container.InputContainer
    stream: av.VideoStream
    budget: ClipBudget


@contextlib.contextmanager
def open_video(path: str | os.PathLike, budget: ClipBudget | None = None) -> Iterator[OpenVideo]:
    """Opens a video for decoding in one thread; the value is an `OpenVideo`."""
    path = os.fspath(path)
    budget = budget or ClipBudget(path)
    with open_clip_file(path) as file:
        if os.fstat(file).st_size == 0:
            raise VideoError(path, "the file has zero bytes")
        with _open(path, file, budget) as container:
            with clip_errors(path):
                stream = container.streams[_choose(path, container, budget)]
                prepare_decoder(path, stream.codec_context)
            yield OpenVideo(path, file, container, stream, budget)


def prepare_decoder(path: str, context: av.VideoCodecContext | None) -> None:
    """Sets up the decoder of a stream: one thread, and a bound for the size of the frames.

    Args:
        path: The file, for messages.
        context: PyAV's codec context of the stream, None if there is no decoder for it.

    Raises:
        VideoError: If there is no decoder, or the header announces larger frames than the bound.
    """
    if context is None:
        raise VideoError(path, "this build of PyAV has no decoder for its video codec")
    if context.width * context.height > MAX_PIXELS:
        size = f"{context.width}x{context.height}"
        raise VideoError(path, f"the header announces frames of {size} pixels")
    context.thread_count = 1
    context.options = _DECODER_OPTIONS  # A size may also come with the frames.


def _open(path, file, budget):
    limit_allocations()
    try:
        return av.open(
            "fd:",
            options=_DECODER_OPTIONS,
            container_options=container_options(file),
            metadata_errors="replace",
            timeout=max(budget.seconds_left, _SHORTEST_TIMEOUT),
        )
    except Exception as error:
        budget.check_time()
        if format := refused_format(file, error):
            reason = f"no video format was recognized: `{format}` is none of those that are read"
        else:
            reason = "no video format was recognized, or its header is cut off or damaged"
        raise VideoError(path, f"{reason} ({describe(error)})") from error


def _choose(path, container, budget):
    """Returns the number of the stream that is the video, by the rule of the program `ffmpeg`."""
    streams = [stream for stream in container.streams.video if not stream.disposition & COVER]
    if not streams:
        found = "a cover picture is no video" if container.streams.video else "sound only"
        reason = f"no video stream was found ({found}, or the header is cut off)"
        raise VideoError(path, reason)
    streams = [stream for stream in streams if stream.codec_context] or streams
    if len(streams) == 1:
        return streams[0].index
    packets = _first_packets(path, [stream.index for stream in streams], budget)

    def rank(stream):
        default = bool(stream.disposition & Disposition.default)
        context = stream.codec_context
        return packets[stream.index], default, context.width * context.height if context else 0

    return max(streams, key=rank).index  # The first of those that rank equal.


def _first_packets(path, indices, budget):
    """Counts the packets of streams up to 2: a stream of one picture is a cover without a flag."""
    counts = Counter()
    with (
        open_clip_file(path) as file,
        _open(path, file, budget) as container,
        contextlib.suppress(av.error.FFmpegError),
    ):
        for packet in container.demux([container.streams[index] for index in indices]):
            budget.check_time()
            if packet.size:
                counts[packet.stream_index] = min(counts[packet.stream_index] + 1, 2)
            if sum(counts.values()) == 2 * len(indices):
                break
    return counts


def frame_rate(stream: av.VideoStream) -> float:
    """Returns the frames per second that a stream states, 0.0 if it states nothing usable."""
    rate = float(stream.average_rate or stream.guessed_rate or 0)
    return rate if rate > 0 else 0.0


def file_start(
    container: av.container.InputContainer, stream: av.VideoStream
) -> fractions.Fraction | int:
    """Returns the time of the first picture or sound in seconds, where players show 0:00."""
    starts = [s.start_time * s.time_base for s in container.streams if s.start_time is not None]
    if container.start_time is None:
        return (stream.start_time or 0) * stream.time_base
    start = fractions.Fraction(container.start_time, av.time_base)
    # The container's clock is rounded to microseconds; the streams' are exact.
    exact = min(starts, key=lambda time: abs(time - start), default=start)
    return exact if abs(exact - start) < 2e-6 else start


def demux(video, frames_decoded=lambda: 0):
    """Yields the packets of a stream; one that the demuxer has marked as damaged is an error.

    Where a transport stream was put behind another, its counters jump and the last frames of the
    first are marked, though nothing is missing.
    """
    held, last = [], None
    for packet in video.container.demux(video.stream):
        video.budget.check_time(frames_decoded())
        if held or packet.is_corrupt:
            held.append(packet)
            begins = packet.size and packet.is_keyframe and len(held) > 1
            if begins and _is_join(video.file, packet, last):
                yield from held
                held = []
            elif (
                video.container.format.name != "mpegts"
                or len(held) > _FRAMES_BEFORE_JOIN
                or not packet.size
            ):
                raise VideoError(video.path, "the file is cut off or damaged", frames_decoded())
        else:
            yield packet
        if packet.dts is not None:
            last = packet.dts


def _is_join(file, packet, last):
    """Returns whether a key frame begins another transport stream."""
    if last is None or packet.dts is None:
        return False
    if packet.dts <= last:
        return True
    # Later times: the tables that begin a stream must stand before the frame, and all count from 0.
    before = 4 * _TS_PACKET
    data = os.pread(file, before + _TS_PACKET, max(packet.pos - before, 0))
    headers = [data[place : place + 4] for place in range(0, len(data), _TS_PACKET)]
    counted = [(h[1] & 0x1F, h[2]) for h in headers if h[0] == 0x47 and h[3] & 0x0F == 0]
    return (0, 0) in counted and headers[-1][3] & 0x0F == 0


def check_complete(video, frames_decoded):
    """Raises a `VideoError` for a file that ends early without an error of the demuxer."""
    names, size = video.container.format.name.split(","), os.fstat(video.file).st_size
    cut_off = (
        "mp4" in names
        and any(entry.pos + entry.size > size for entry in video.stream.index_entries)
    ) or ("matroska" in names and _matroska_end(video.file) > size)
    if cut_off:
        raise VideoError(video.path, "the file is cut off", frames_decoded)


def _matroska_end(file):
    """Returns the length in bytes that a Matroska or WebM file states, 0 if it states none."""

    def read_size(place):
        """Returns the value of a size, or None if it is unknown, and the place behind it."""
        length = 9 - os.pread(file, 1, place)[0].bit_length()
        value = int.from_bytes(os.pread(file, length, place), "big") & (1 << 7 * length) - 1
        return None if value == (1 << 7 * length) - 1 else value, place + length

    try:
        size, place = read_size(4)
        place += size
        if os.pread(file, 4, place) != b"\x18\x53\x80\x67":
            return 0
        size, place = read_size(place + 4)
        return 0 if size is None else place + size
    except (IndexError, TypeError, OverflowError):
        return 0
