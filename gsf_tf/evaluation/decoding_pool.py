"""Decodes the next videos while a model runs on those before them."""

import collections
import concurrent.futures
import itertools
import queue
import time

import tensorflow as tf

from gsf_tf.data import ClipProcess
from gsf_tf.errors import UserError

# What a video may be to blame for; any other exception is a bug and ends the iteration.
OF_A_VIDEO = (UserError, OSError, MemoryError, tf.errors.OpError)
_PAUSE = 0.1  # Seconds between two tries to end a process, which may be starting.


class DecodingPool:
    """Threads that decode videos, each in a process of its own or in this one.

    Args:
        decoders: Number of videos that are decoded at once.
        isolated: Decode in other processes (`gsf_tf.data.ClipProcess`), which are ended when a
            decoder hangs and are started again when one crashes.
    """

    def __init__(self, decoders, isolated):
        self._decoders, self._isolated = decoders, isolated
        self._threads = None
        self._idle = queue.SimpleQueue()
        self._processes = []

    def map(self, make_clip, videos, meanwhile=lambda: None):
        """Decodes videos and yields them in their order.

        No more videos are taken from the iterator than are decoded at once, and as many again that
        wait for the model.

        Args:
            make_clip: Function from a video and a `ClipProcess` (None for this process) to a clip.
            videos: Iterable of videos; it is read step by step.
            meanwhile: Called once while the first videos are decoded, if there are any.

        Yields:
            Pairs of a video and its clip, or the exception that the video is to blame for.
        """
        self._start()
        videos, waiting = iter(videos), collections.deque()

        def submit(count):
            for video in itertools.islice(videos, count):
                waiting.append((video, self._threads.submit(self._decode, make_clip, video)))

        try:
            submit(2 * self._decoders)
            if waiting:
                meanwhile()
            while waiting:
                video, clip = waiting[0][0], waiting[0][1].result()
                waiting.popleft()
                submit(1)
                yield video, clip
        finally:
            self._abandon([future for _, future in waiting])

    def close(self):
        """Ends the threads and processes; a video that is still decoded in one is given up."""
        if self._threads is not None:
            while self._processes and self._idle.qsize() < self._decoders:
                self._kill_processes()
                time.sleep(_PAUSE)
            self._threads.shutdown()
            for process in self._processes:
                process.close()
            self._threads, self._processes, self._idle = None, [], queue.SimpleQueue()

    def _start(self):
        if self._threads is None:
            self._threads = concurrent.futures.ThreadPoolExecutor(self._decoders)
            for _ in range(self._decoders):
                process = ClipProcess() if self._isolated else None
                self._processes += [process] if self._isolated else []
                self._idle.put(process)

    def _decode(self, make_clip, video):
        process = self._idle.get()
        try:
            return make_clip(video, process)
        except OF_A_VIDEO as error:
            return error
        finally:
            self._idle.put(process)

    def _abandon(self, futures):
        """Gives up videos that nobody waits for any more."""
        for future in futures:
            future.cancel()
        running = [future for future in futures if not future.cancelled()]
        while not all(future.done() for future in running):
            self._kill_processes()
            concurrent.futures.wait(running, timeout=_PAUSE)

    def _kill_processes(self):
        for process in self._processes:
            process.kill()
