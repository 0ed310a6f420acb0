"""Opens a video file, chooses the stream that is the video, and reads its packets."""

import contextlib
import fractions
import os
from collections import Counter

import av
from av.stream import Disposition

from gsf_tf.errors import VideoError

# A header that announces more is damaged or hostile; 8K video has 33 million pixels.
MAX_PIXELS = 2**26

# No playlist or reference inside a file may open anything but local files, and a `%03d` in the
# name of a picture is part of the name and no pattern of many files.
_CONTAINER_OPTIONS = {"protocol_whitelist": "file", "pattern_type": "none"}

# Formats of text that FFmpeg draws on a screen of 80 columns.
_TEXT_FORMATS = frozenset(("tty", "bin", "xbin", "adf", "idf"))

_COVER = Disposition.attached_pic | Disposition.timed_thumbnails

# FFmpeg marks a frame where the counters of a transport stream jump, or the frame before it.
_FRAMES_BEFORE_JOIN = 2
_TS_PACKET = 188


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
    with _open(path) as container:
        stream = container.streams[_choose(path, container)]
        context = stream.codec_context
        if context is None:
            raise VideoError(path, "this build of PyAV has no decoder for its video codec")
        if context.width * context.height > MAX_PIXELS:
            size = f"{context.width}x{context.height}"
            raise VideoError(path, f"the header announces frames of {size} pixels")
        context.thread_count = 1
        yield container, stream


def _open(path):
    # FFmpeg takes `12:30.mp4` for an address and `pipe:` for a device; after `file:` all is a name.
    name = "file:" + os.path.abspath(os.fsdecode(path))
    try:
        return av.open(name, container_options=_CONTAINER_OPTIONS)
    except av.error.FFmpegError as error:
        reason = f"no video format was recognized, or its header is cut off ({error.strerror})"
        raise VideoError(path, reason) from error


def _choose(path, container):
    """Returns the number of the stream that is the video, by the rule of the program `ffmpeg`."""
    if container.format.name in _TEXT_FORMATS:
        raise VideoError(path, "no video format was recognized (FFmpeg would draw it as text)")
    streams = [stream for stream in container.streams.video if not stream.disposition & _COVER]
    if not streams:
        found = "a cover picture is no video" if container.streams.video else "sound only"
        reason = f"no video stream was found ({found}, or the header is cut off)"
        raise VideoError(path, reason)
    streams = [stream for stream in streams if stream.codec_context] or streams
    if len(streams) == 1:
        return streams[0].index
    packets = _first_packets(path, [stream.index for stream in streams])

    def rank(stream):
        default = bool(stream.disposition & Disposition.default)
        context = stream.codec_context
        return packets[stream.index], default, context.width * context.height if context else 0

    return max(streams, key=rank).index  # The first of those that rank equal.


def _first_packets(path, indices):
    """Counts the packets of streams up to 2: a stream of one picture is a cover without a flag."""
    counts = Counter()
    with _open(path) as container, contextlib.suppress(av.error.FFmpegError):
        for packet in container.demux([container.streams[index] for index in indices]):
            if packet.size:
                counts[packet.stream_index] = min(counts[packet.stream_index] + 1, 2)
            if sum(counts.values()) == 2 * len(indices):
                break
    return counts


def file_start(container, stream):
    """Returns the time of the first picture or sound in seconds, where players show 0:00."""
    starts = [s.start_time * s.time_base for s in container.streams if s.start_time is not None]
    if container.start_time is None:
        return (stream.start_time or 0) * stream.time_base
    start = fractions.Fraction(container.start_time, av.time_base)
    # The container's clock is rounded to microseconds; the streams' are exact.
    exact = min(starts, key=lambda time: abs(time - start), default=start)
    return exact if abs(exact - start) < 2e-6 else start


@contextlib.contextmanager
def decoding_errors(path, frames_decoded):
    """Turns FFmpeg's errors into a `VideoError` with the number `frames_decoded()`."""
    try:
        yield
    except (av.error.FFmpegError, MemoryError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise VideoError(path, f"decoding failed ({reason})", frames_decoded()) from error


def demux(path, container, stream, frames_decoded=lambda: 0):
    """Yields the packets of a stream; one that the demuxer has marked as damaged is an error.

    Where a transport stream was put behind another, its counters jump and the last frames of the
    first are marked, though nothing is missing.
    """
    held, last = [], None
    for packet in container.demux(stream):
        if held or packet.is_corrupt:
            held.append(packet)
            begins = packet.size and packet.is_keyframe and len(held) > 1
            if begins and _is_join(path, packet, last):
                yield from held
                held = []
            elif (
                container.format.name != "mpegts"
                or len(held) > _FRAMES_BEFORE_JOIN
                or not packet.size
            ):
                raise VideoError(path, "the file is cut off or damaged", frames_decoded())
        else:
            yield packet
        if packet.dts is not None:
            last = packet.dts


def _is_join(path, packet, last):
    """Returns whether a key frame begins another transport stream."""
    if last is None or packet.dts is None:
        return False
    if packet.dts <= last:
        return True
    # Later times: the tables that begin a stream must stand before the frame, and all count from 0.
    before = 4 * _TS_PACKET
    with open(path, "rb") as file:
        file.seek(max(packet.pos - before, 0))
        data = file.read(before + _TS_PACKET)
    headers = [data[place : place + 4] for place in range(0, len(data), _TS_PACKET)]
    counted = [(h[1] & 0x1F, h[2]) for h in headers if h[0] == 0x47 and h[3] & 0x0F == 0]
    return (0, 0) in counted and headers[-1][3] & 0x0F == 0


def check_complete(path, container, stream, frames_decoded):
    """Raises a `VideoError` for a file that ends early without an error of the demuxer."""
    names, size = container.format.name.split(","), os.path.getsize(path)
    cut_off = (
        "mp4" in names and any(entry.pos + entry.size > size for entry in stream.index_entries)
    ) or ("matroska" in names and _matroska_end(path) > size)
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
