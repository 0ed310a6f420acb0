"""Decodes clips in worker processes, which start fast because they need no TensorFlow."""

import collections
import concurrent.futures
import contextlib
import functools
import io
import itertools
import logging
import threading
from collections.abc import Iterable, Iterator

from PIL import Image

from gsf_tf.data.listing.clip_source import ClipSource
from gsf_tf.data.records.record_settings import RecordSettings
from gsf_tf.data.video.clip_budget import ClipBudget
from gsf_tf.data.video.clip_errors import clip_errors
from gsf_tf.data.video.clip_reader import open_clip
from gsf_tf.data.video.decoding_process import DecodingContext
from gsf_tf.data.video.decoding_worker import DecodingWorker
from gsf_tf.data.video.decoding_worker import start_worker as _start_worker
from gsf_tf.data.video.encoded_clip import EncodedClip
from gsf_tf.data.video.frame_folder import FrameFolder
from gsf_tf.data.video.video_segment import iterate_segment, read_segment_header
from gsf_tf.errors import VideoError

# A record is one protocol buffer message, which may have at most 2 GiB.
MAX_RECORD_BYTES = 2**30

# `record_parser.MAX_FRAME_PIXELS`, beyond which reading takes a record for damaged. That module
# needs TensorFlow, which the decoding processes do not load.
_MAX_FRAME_PIXELS = 2**25

# libjpeg's limit of a side, in pixels.
_MAX_JPEG_SIDE = 65500

# Times are stored as microseconds in 64 bits.
_MAX_SECONDS = 2**63 / 1e6


def encode_clip(source: ClipSource, settings: RecordSettings) -> EncodedClip:
    """Decodes a clip and compresses its frames to JPEG.

    Args:
        source: A video, a folder of frames, a part of either, or an image.
        settings: Short side, JPEG quality and maximum number of frames.

    Returns:
        The clip. No more than one decoded frame is in memory at a time.

    Raises:
        VideoError: If the file cannot be decoded to its end within the limits, or cannot be stored
            in a record.
    """
    path = source.path
    num_frames, rate, index_base, iterate = _reader(source, ClipBudget(path, settings.limits))
    while True:
        wanted = _evenly_spaced(num_frames, settings.max_frames)
        frames, timestamps, size, decoded, last = [], [], 0, 0, None

        def keep(index, wanted=wanted):
            nonlocal decoded
            decoded = index + 1
            return wanted is None or index in wanted

        for frame in iterate(short_side=settings.short_side, keep=keep):
            with clip_errors(path, frame.index):
                last = Image.fromarray(frame.pixels)
                frames.append(_compress(last, path, frame.index, settings))
                seconds = frame.index / (rate or 1) if frame.seconds is None else frame.seconds
                if not abs(seconds) < _MAX_SECONDS:
                    reason = f"a frame has an absurd time, {seconds:.4g} s"
                    raise VideoError(path, reason, frame.index)
                timestamps.append(round(seconds * 1e6))
            size += len(frames[-1])
            if size > MAX_RECORD_BYTES:
                reason = "the clip is too long for one record; set `max_frames`"
                raise VideoError(path, reason, frame.index + 1)
        if wanted is None or decoded == num_frames:
            kept_rate = rate * len(frames) / decoded
            return EncodedClip(frames, timestamps, kept_rate, last.height, last.width, index_base)
        num_frames = decoded


def _compress(image, path, index, settings):
    if max(image.size) > _MAX_JPEG_SIDE or image.width * image.height > _MAX_FRAME_PIXELS:
        reason = (
            f"its frames of {image.width}x{image.height} pixels are too large for a record (a side "
            f"of {_MAX_JPEG_SIDE}, 2**25 pixels); scale them down further (`short_side`)"
        )
        raise VideoError(path, reason, index)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=settings.jpeg_quality)
    return buffer.getvalue()


def _reader(source, budget):
    """Returns number of frames, frame rate, number of the first frame, and frame iterator."""
    if source.frames is not None:
        folder = FrameFolder(source.path, source.frame_rate or 0.0, source.frames)
        iterate = functools.partial(folder.iterate_frames, budget=budget)
        return len(folder), folder.frame_rate, folder.index_base, iterate
    if source.start is None:
        return open_clip(source.path, source.frame_rate or 0.0, budget)
    part = functools.partial(iterate_segment, source.path, source.start, source.stop, budget=budget)
    return *read_segment_header(source.path, source.start, source.stop, budget), 0, part


def encode_clips(
    sources: Iterable[ClipSource], settings: RecordSettings, workers: int
) -> Iterator[tuple[ClipSource, EncodedClip | VideoError]]:
    """Decodes clips in parallel processes and yields them in their order.

    At most two clips per worker are decoded or waiting at any time. If decoding a clip ends its
    process (by a crash inside a decoder or a lack of memory), it is tried once more while no other
    clip is decoded. If that process ends too, the clip yields a `VideoError`, and the others go on.
    A process that decodes one clip for longer than `settings.max_clip_seconds` is ended.

    Args:
        sources: The clips.
        settings: How the clips are stored.
        workers: Number of processes, at least 1.

    Yields:
        Each clip with its frames, or with the error that decoding raised.
    """
    sources = iter(sources)
    pending = collections.deque()
    with contextlib.closing(_Crew(workers, settings)) as crew:
        while True:
            for source in itertools.islice(sources, 2 * workers - len(pending)):
                pending.append((source, crew.submit(source)))
            if not pending:
                return
            source, future = pending.popleft()
            result = future.result()
            if result is None:
                logging.getLogger(__name__).warning(
                    "A decoding process died (killed, out of memory, or a crash in the decoder). "
                    "Trying `%s` alone.",
                    source.path,
                )
                concurrent.futures.wait([waiting for _, waiting in pending])
                reason = "the process that decoded it died (a crash in the decoder, or no memory)"
                result = crew.encode(source) or VideoError(source.path, reason)
            yield source, result


class _Crew:
    """Decoding processes, each of which has a thread of this process that waits for it."""

    def __init__(self, workers, settings):
        self._settings = settings
        self._threads = concurrent.futures.ThreadPoolExecutor(workers)
        self._lock = threading.Lock()
        self._idle, self._all, self._closed = [], set(), False

    def submit(self, source):
        """Returns the future of `encode`."""
        return self._threads.submit(self.encode, source)

    def encode(self, source):
        """Returns the encoded clip or its `VideoError`; None if the process died."""
        worker, limit = self._take(), self._settings.max_clip_seconds
        try:
            result = worker.ask((source, self._settings), source.path, limit, limit)
        except (EOFError, VideoError) as error:
            with self._lock:
                self._all.discard(worker)
            worker.stop()
            return error if isinstance(error, VideoError) else None
        with self._lock:
            self._idle.append(worker)
        return result

    def _take(self):
        with self._lock:
            if self._closed:
                raise EOFError
            if self._idle:
                return self._idle.pop()
            worker = DecodingWorker(DecodingContext(), _serve)
            self._all.add(worker)
            return worker

    def close(self):
        """Ends the processes, also those that are decoding."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            self._closed = True
            for worker in self._all:
                worker.kill()
            for worker in self._idle:
                worker.stop()


def _evenly_spaced(num_frames, max_frames):
    """Returns the middle frames of `max_frames` equal segments, or None to keep all frames."""
    if not max_frames or num_frames <= max_frames:
        return None
    return {(2 * i + 1) * num_frames // (2 * max_frames) for i in range(max_frames)}


def _serve(connection):
    """Encodes the clips that come through a connection, until it ends."""
    _start_worker()
    with contextlib.suppress(EOFError, OSError):
        while True:
            connection.send(_try_encode(*connection.recv()))


def _try_encode(source, settings):
    try:
        return encode_clip(source, settings)
    except VideoError as error:
        return error
