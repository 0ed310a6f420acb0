"""Reads the frames of a video that may not end: of a file, a camera or a stream in a network.

A file that is to become a clip must be whole (`video_file`). Here what is damaged is left out and
counted, because the next frames of a camera are worth more than the reason for a lost one.
"""

import contextlib
import os
from collections.abc import Iterator

import av

from gsf_tf.data.video.allocation_limit import limit_allocations
from gsf_tf.data.video.broken_connection import BrokenConnection
from gsf_tf.data.video.clip_budget import ClipBudget
from gsf_tf.data.video.clip_limits import ClipLimits
from gsf_tf.data.video.container_formats import VIDEO_FORMATS
from gsf_tf.data.video.frame_clock import FrameClock
from gsf_tf.data.video.video_address import SCHEMES, is_device, scheme_of
from gsf_tf.data.video.video_stream import (
    COVER,
    check_complete,
    file_start,
    frame_rate,
    open_video,
    prepare_decoder,
)
from gsf_tf.errors import VideoError

_NO_LIMITS = ClipLimits(max_clip_pixels=2**63 - 1, max_clip_seconds=10**6)
_NETWORK = {
    "http": {"protocol_whitelist": "http,https,httpproxy,tcp,tls"},
    "rtsp": {
        "protocol_whitelist": "rtsp,rtsps,rtp,tcp,tls,udp",
        "rtsp_transport": "tcp",
    },
}
# Of a stream's seconds that FFmpeg looks at before it gives the first frame, in microseconds.
_ANALYZED = "1000000"
_RATE_WITHOUT_TIMES = 25.0


class VideoConnection:
    """An open video. `open_connection` makes one.

    Attributes:
        size: `(width, height)` that the video states.
        rate: Frames per second that it states, 0.0 if none.
        is_live: Whether its end is unknown, so that a frame that is not read is lost.
        counts_from_zero: Whether its times count from about 0 in each connection, as those of RTSP.
        has_times: Whether its frames have times so far; without them, they are counted.
        damaged: Number of damaged packets and frames so far, which were left out.
    """

    def __init__(self, container, stream, is_live, video=None, counts_from_zero=False):
        context = stream.codec_context
        self.size = (context.width, context.height)
        self.rate = frame_rate(stream)
        self.is_live, self.counts_from_zero = is_live, counts_from_zero
        self.has_times = True
        self.damaged = 0
        self._container, self._stream, self._video = container, stream, video

    def frames(self) -> Iterator[tuple[float, av.VideoFrame]]:
        """Yields the frames with their times in seconds on the video's own clock.

        The times increase. A frame without a time follows the one before by one period.

        Raises:
            BrokenConnection: If reading fails, or the file is cut off.
        """
        start = float(file_start(self._container, self._stream))
        clock, count = FrameClock(self._container, self._stream), 0
        for packet in self._packets():
            clock.add(packet)
            for frame in self._decoded(packet):
                seconds = clock.seconds(frame)
                if frame.is_corrupt:
                    self.damaged += 1
                    continue
                if seconds is None:
                    self.has_times = False
                    seconds = count / (self.rate or _RATE_WITHOUT_TIMES)
                count += 1
                yield start + seconds, frame
        if self._video is not None:
            try:
                check_complete(self._video, count)
            except VideoError as error:
                raise BrokenConnection(error.reason) from None

    def _packets(self):
        try:
            yield from self._container.demux(self._stream)
        except av.error.FFmpegError as error:
            raise _problem(error) from None

    def _decoded(self, packet):
        try:
            return packet.decode()
        except Exception:  # As `clip_errors` says, a decoder raises errors of any type.
            self.damaged += 1
            return []


@contextlib.contextmanager
def open_connection(address: str | os.PathLike, timeout: float = 10.0) -> Iterator[VideoConnection]:
    """Opens a video; the value is a `VideoConnection`.

    Args:
        address: Path of a video file, of a device, or an address that begins with one of `SCHEMES`.
            Only for these does FFmpeg get a protocol of networks.
        timeout: Seconds after which a network that says nothing counts as broken. A camera of this
            machine that says nothing is waited for: its driver cannot be interrupted.

    Raises:
        BrokenConnection: If it cannot be opened, or holds no video.
    """
    scheme = scheme_of(address)
    if scheme is None and not is_device(address):
        with _open_file(address) as connection:
            yield connection
        return
    if scheme is not None and scheme not in SCHEMES:
        raise BrokenConnection(f"addresses begin with {', '.join(SCHEMES)}, not {scheme}", True)
    with _open_live(os.fspath(address), scheme, timeout) as container:
        stream = _video_stream(container)
        yield VideoConnection(
            container,
            stream,
            _is_endless(container, scheme),
            counts_from_zero=scheme in ("rtsp", "rtsps"),
        )


@contextlib.contextmanager
def _open_file(path):
    try:
        with open_video(path, ClipBudget(path, _NO_LIMITS)) as video:
            yield VideoConnection(video.container, video.stream, False, video)
    except VideoError as error:
        raise BrokenConnection(error.reason) from None


@contextlib.contextmanager
def _open_live(address, scheme, timeout):
    limit_allocations()
    options, form = {"analyzeduration": _ANALYZED}, None
    if scheme is None:
        form = "v4l2"
    else:
        kind = "rtsp" if scheme.startswith("rtsp") else "http"
        formats = ("rtsp",) if kind == "rtsp" else (*VIDEO_FORMATS, "mpjpeg")
        options |= {**_NETWORK[kind], "format_whitelist": ",".join(formats)}
    try:
        container = av.open(
            address,
            format=form,
            container_options=options,
            metadata_errors="replace",
            timeout=timeout,
        )
    except Exception as error:  # PyAV raises errors of many types for damaged headers.
        raise _problem(error) from None
    with container:
        yield container


def _video_stream(container):
    streams = [s for s in container.streams.video if not s.disposition & COVER and s.codec_context]
    if not streams:
        raise BrokenConnection("no video stream was found")
    stream = max(streams, key=lambda s: s.codec_context.width * s.codec_context.height)
    try:
        prepare_decoder("", stream.codec_context)
    except VideoError as error:
        raise BrokenConnection(error.reason) from None
    return stream


def _is_endless(container, scheme):
    return scheme is None or scheme.startswith("rtsp") or container.size <= 0


def _problem(error):
    """Returns a `BrokenConnection` that says what FFmpeg says, but not the address."""
    if isinstance(error, av.error.HTTPUnauthorizedError | av.error.HTTPForbiddenError):
        return BrokenConnection(
            "the user and the password must be right, as in rtsp://USER:PASSWORD@camera/stream",
            True,
        )
    if isinstance(error, av.error.ExitError):
        return BrokenConnection("nothing came within the timeout")
    # `strerror` and no more: the text of an error of FFmpeg has the address with its password.
    return BrokenConnection(getattr(error, "strerror", None) or type(error).__name__)
