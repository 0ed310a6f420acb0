"""Decodes clips in worker processes, which start fast because they need no TensorFlow."""

import collections
import functools
import io
import itertools
import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

from PIL import Image

from gsf_tf.data.listing.clip_source import ClipSource
from gsf_tf.data.records.record_settings import RecordSettings
from gsf_tf.data.video.clip_reader import open_clip
from gsf_tf.data.video.decoding_process import DecodingContext
from gsf_tf.data.video.encoded_clip import EncodedClip
from gsf_tf.data.video.frame_folder import FrameFolder
from gsf_tf.data.video.video_segment import iterate_segment, read_segment_header
from gsf_tf.errors import VideoError

# A record is one protocol buffer message, which may have at most 2 GiB.
MAX_RECORD_BYTES = 2**30


def encode_clip(source: ClipSource, settings: RecordSettings) -> EncodedClip:
    """Decodes a clip and compresses its frames to JPEG.

    Args:
        source: A video, a folder of frames, a part of either, or an image.
        settings: Short side, JPEG quality and maximum number of frames.

    Returns:
        The clip. No more than one decoded frame is in memory at a time.

    Raises:
        VideoError: If the file cannot be decoded to its end or is too long for a record.
    """
    path = source.path
    num_frames, rate, index_base, iterate = _reader(source)
    while True:
        wanted = _evenly_spaced(num_frames, settings.max_frames)
        frames, timestamps, size, decoded, last = [], [], 0, 0, None

        def keep(index, wanted=wanted):
            nonlocal decoded
            decoded = index + 1
            return wanted is None or index in wanted

        for frame in iterate(short_side=settings.short_side, keep=keep):
            buffer = io.BytesIO()
            last = Image.fromarray(frame.pixels)
            last.save(buffer, "JPEG", quality=settings.jpeg_quality)
            frames.append(buffer.getvalue())
            seconds = frame.index / (rate or 1) if frame.seconds is None else frame.seconds
            timestamps.append(round(seconds * 1e6))
            size += len(frames[-1])
            if size > MAX_RECORD_BYTES:
                reason = "the clip is too long for one record; set `max_frames`"
                raise VideoError(path, reason, frame.index + 1)
        if wanted is None or decoded == num_frames:
            kept_rate = rate * len(frames) / decoded
            return EncodedClip(frames, timestamps, kept_rate, last.height, last.width, index_base)
        num_frames = decoded


def _reader(source):
    """Returns number of frames, frame rate, number of the first frame, and frame iterator."""
    if source.frames is not None:
        folder = FrameFolder(source.path, source.frame_rate or 0.0, source.frames)
        return len(folder), folder.frame_rate, folder.index_base, folder.iterate_frames
    if source.start is None:
        return open_clip(source.path, source.frame_rate or 0.0)
    part = (source.path, source.start, source.stop)
    return *read_segment_header(*part), 0, functools.partial(iterate_segment, *part)


def encode_clips(
    sources: Iterable[ClipSource], settings: RecordSettings, workers: int
) -> Iterator[tuple[ClipSource, EncodedClip | VideoError]]:
    """Decodes clips in parallel processes and yields them in their order.

    At most two clips per worker are decoded or waiting at any time. If decoding a clip ends its
    process (by a crash inside a decoder or a lack of memory), it is tried once more in a process of
    its own. If that process ends too, the clip yields a `VideoError`, and the others go on.

    Args:
        sources: The clips.
        settings: How the clips are stored.
        workers: Number of processes, at least 1.

    Yields:
        Each clip with its frames, or with the error that decoding raised.
    """
    sources = iter(sources)
    pending = collections.deque()
    pool = _new_pool(workers)
    try:
        while True:
            for source in itertools.islice(sources, 2 * workers - len(pending)):
                pending.append((source, _submit(pool, source, settings)))
            if not pending:
                return
            source, future = pending.popleft()
            try:
                result = future.result()
            except BrokenProcessPool:
                # A worker that dies breaks the pool, which does not tell the worker's clip: the
                # oldest clip is tried alone, the others in a new pool.
                pool.shutdown(wait=False, cancel_futures=True)
                logging.getLogger(__name__).warning(
                    "A decoding process died (killed, out of memory, or a crash in the decoder). "
                    "Trying `%s` alone.",
                    source.path,
                )
                result = _encode_alone(source, settings)
                pool = _new_pool(workers)
                waiting = [waiter for waiter, _ in pending]
                pending.clear()
                pending.extend((waiter, _submit(pool, waiter, settings)) for waiter in waiting)
            yield source, result
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _evenly_spaced(num_frames, max_frames):
    """Returns the middle frames of `max_frames` equal segments, or None to keep all frames."""
    if not max_frames or num_frames <= max_frames:
        return None
    return {(2 * i + 1) * num_frames // (2 * max_frames) for i in range(max_frames)}


def _submit(pool, source, settings):
    try:
        return pool.submit(_try_encode, source, settings)
    except BrokenProcessPool as error:
        failed = Future()
        failed.set_exception(error)
        return failed


def _try_encode(source, settings):
    try:
        return encode_clip(source, settings)
    except VideoError as error:
        return error


def _encode_alone(source, settings):
    with _new_pool(1) as pool:
        try:
            return pool.submit(_try_encode, source, settings).result()
        except BrokenProcessPool:
            reason = "the process that decoded it died (a crash in the decoder, or no memory)"
            return VideoError(source.path, reason)


def _new_pool(workers):
    return ProcessPoolExecutor(workers, mp_context=DecodingContext(), initializer=_start_worker)


def _start_worker():
    # Ctrl-C reaches all processes of the group, but only the parent handles it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent():
    multiprocessing.parent_process().join()
    os._exit(1)
