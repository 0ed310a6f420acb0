"""Finds which packets of a long video have to be decoded for some of its frames."""

import bisect
import os
from collections.abc import Iterable
from typing import NamedTuple

from gsf_tf.data.video.clip_budget import ClipBudget
from gsf_tf.data.video.clip_errors import clip_errors
from gsf_tf.data.video.video_stream import check_complete, demux, open_video

# Formats that store the time of display of each packet and mark the key frames. Transport streams
# and AVI have neither in a form that can be trusted.
_FORMATS = {"mp4", "matroska"}
# Decoders of codecs in which every packet gives one picture, and the pictures that are shown at or
# after a key frame need nothing before it. In H.264 that is true of IDR pictures only.
_DECODERS = {"h264", "hevc", "vp9", "libvpx-vp9", "av1", "libdav1d"}
# Those that show pictures in another order than they are stored: only within the group that a key
# frame begins, or also before its key frame.
_WITHIN_GROUP, _BEFORE_KEY_FRAME = 1, 2
_REORDERS = {"h264": _WITHIN_GROUP, "hevc": _BEFORE_KEY_FRAME}
_IDR = 5
# Of an index, which takes about 100 bytes for each: 19 hours of 60 frames per second.
_MAX_PACKETS = 2**22


class Run(NamedTuple):
    """Packets that are decoded together.

    Attributes:
        first: Number of the first packet, a key frame, counted from 0 in the order of decoding.
        end: Number of the packet behind the last one.
        frames: (position, time) of the frames that these packets give, in the order of display.
            Pictures that follow the key frame and are shown before it are not among them.
    """

    first: int
    end: int
    frames: list[tuple[int, int]]


class FrameIndex:
    """The times and key frames of a video's packets.

    Args:
        times: Time of display of each packet in the order of decoding, all different.
        keys: Numbers of the packets that are key frames, ascending, the first packet among them.
    """

    def __init__(self, times: list[int], keys: list[int]):
        self._times, self._keys = times, keys
        order = sorted(range(len(times)), key=times.__getitem__)
        self._packets = order  # Number of the packet of each position.
        self._positions = [0] * len(times)
        for position, packet in enumerate(order):
            self._positions[packet] = position

    @classmethod
    def read(cls, path: str | os.PathLike, budget: ClipBudget | None = None) -> "FrameIndex | None":
        """Reads the packets of a video without decoding them.

        Args:
            path: Video file.
            budget: The work that is left for the clip, by default that of `ClipLimits()`.

        Returns:
            The index, or None if the packets do not tell which frames decoding gives: in other
            formats and codecs, where a packet has no time of its own or is not to be shown, where
            the video does not begin with a key frame, and where there are more than 2**22 packets.

        Raises:
            VideoError: If the file cannot be opened as a video, or is cut off.
        """
        with open_video(path, budget) as video, clip_errors(path):
            formats = set(video.container.format.name.split(","))
            if not formats & _FORMATS or video.stream.codec_context.name not in _DECODERS:
                return None
            is_key = _key_rule(video.stream.codec_context)
            if is_key is None:
                return None
            times, keys = [], []
            for packet in demux(video):
                if packet.pts is None and packet.dts is None and not packet.size:
                    continue  # The end of the stream.
                if packet.pts is None or not packet.size or packet.is_discard:
                    return None
                if len(times) == _MAX_PACKETS:
                    return None
                if packet.is_keyframe and is_key(packet):
                    keys.append(len(times))
                times.append(packet.pts)
            check_complete(video, 0)
            depth = _REORDERS.get(video.stream.codec_context.name, 0)
        return cls(times, keys) if _are_in_order(times, keys, depth) else None

    def __len__(self) -> int:
        """Returns the number of frames."""
        return len(self._times)

    def runs(self, positions: Iterable[int]) -> list[Run]:
        """Returns the packets that have to be decoded for the frames at some positions.

        Args:
            positions: Positions of frames in the order of display, counted from 0.

        Returns:
            Runs of packets, ascending and apart. The first packet of the video is always among
            them: its frame tells how the pictures are turned.
        """
        spans, packets = [], {0, *(self._packets[position] for position in positions)}
        # By their beginning: a leading picture comes later than its key frame, and begins before.
        for first, last in sorted(
            (self._key_frame(p), self._last_shown_before(p)) for p in packets
        ):
            if spans and first <= spans[-1][1]:
                spans[-1][1] = max(spans[-1][1], last)
            else:
                spans.append([first, last])
        return [Run(first, last + 1, self._shown(first, last + 1)) for first, last in spans]

    def _key_frame(self, packet):
        """Returns the last key frame that comes neither later nor is shown later than a packet."""
        place = bisect.bisect_right(self._keys, packet) - 1
        # Leading pictures follow a key frame and are shown before it: they need the one before.
        while self._times[self._keys[place]] > self._times[packet]:
            place -= 1
        return self._keys[place]

    def _last_shown_before(self, packet):
        """Returns the last packet of the group whose picture is shown no later than this one's.

        It is seen then that the decoder really shows them in this order.
        """
        place = bisect.bisect_right(self._keys, packet)
        end = self._keys[place] if place < len(self._keys) else len(self._times)
        times = self._times
        return max(number for number in range(packet, end) if times[number] <= times[packet])

    def _shown(self, first, end):
        times = self._times[first:end]
        frames = zip(self._positions[first:end], times, strict=True)
        return sorted(frame for frame in frames if frame[1] >= times[0])


def _are_in_order(times, keys, reorders):
    """Returns whether the groups follow each other, so that a place in one is a place in all."""
    if not keys or keys[0] != 0:
        return False
    before = times[0] - 1  # The latest time of the groups before.
    for first, end in zip(keys, [*keys[1:], len(times)], strict=True):
        group = times[first:end]
        leading = [time for time in group if time < group[0]]
        if len(set(group)) < len(group) or min(group) <= before:
            return False
        if leading and reorders != _BEFORE_KEY_FRAME or not reorders and group != sorted(group):
            return False
        before = max(group)
    return True


def _key_rule(context):
    """Returns a function that tells which packets marked as key frames are, or None if unknown."""
    if context.name != "h264":
        return lambda packet: True
    # ISO/IEC 14496-15, 5.3.3.1: AVCDecoderConfigurationRecord.
    header = context.extradata or b""
    if len(header) < 5 or header[0] != 1:
        return None
    size = (header[4] & 3) + 1

    def has_idr(packet):
        data, place = memoryview(packet), 0
        while place + size < len(data):
            length = int.from_bytes(data[place : place + size], "big")
            if data[place + size] & 31 == _IDR:
                return True
            place += size + length
        return False

    return has_idr
