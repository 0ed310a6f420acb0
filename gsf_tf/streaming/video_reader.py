"""Reads a video that may not end, while the model runs."""

import os
import threading
from collections.abc import Iterator

from gsf_tf.data.video.broken_connection import BrokenConnection
from gsf_tf.data.video.video_address import is_device, printable_address, scheme_of
from gsf_tf.data.video.video_connection import open_connection
from gsf_tf.streaming.filled_folder import FilledFolder
from gsf_tf.streaming.frame_queue import FrameQueue
from gsf_tf.streaming.frame_sampler import FrameSampler
from gsf_tf.streaming.sampled_frame import SampledFrame
from gsf_tf.streaming.stream_clock import StreamClock
from gsf_tf.streaming.stream_event import StreamEvent
from gsf_tf.streaming.stream_settings import StreamSettings

_LONGEST_PAUSE = 30.0
_MOST_DOUBLINGS = 30  # Of a pause; more of them are more than a float can hold.
_POLL_SECONDS = 0.2
_END = object()


class VideoReader:
    """Reads a file, a folder that is being filled, a camera or a stream in a thread of its own.

    A file is read as fast as the model takes it, and no frame of it is lost. The frames of a
    camera or of a stream without an end come when they come: the oldest ones that wait are dropped
    and counted. A stream whose connection is lost is connected again, after growing pauses.

    Args:
        address: Path of a video file, a folder or a device, or an address that begins with http,
            https, rtsp or rtsps.
        settings: `StreamSettings`.

    Example:

    ```python
    with VideoReader("street.mp4", StreamSettings(8.0, (224, 224))) as reader:
        for item in reader.items():
            ...
    ```
    """

    def __init__(self, address: str | os.PathLike, settings: StreamSettings):
        self._address, self._settings = os.fspath(address), settings
        self._queue = FrameQueue(settings.queue)
        self._stop = threading.Event()
        # What hangs in a call of FFmpeg must not keep the program from ending.
        self._thread = threading.Thread(target=self._read, daemon=True)

    @property
    def dropped(self) -> int:
        """Number of frames that were dropped, because the model was slower than the video."""
        return self._queue.dropped

    def __enter__(self) -> "VideoReader":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()
        self._queue.close()
        self._thread.join(_POLL_SECONDS)

    def stop(self) -> None:
        """Ends the reading; `items` yields what waits already. A signal handler may call it."""
        self._stop.set()

    def items(self) -> Iterator[SampledFrame | StreamEvent]:
        """Yields frames and events in their order, up to the end of the video or to `stop`."""
        while True:
            item = self._queue.get(_POLL_SECONDS)
            if item is _END or (item is None and self._stop.is_set()):
                self._queue.close()
                return
            if isinstance(item, Exception):
                raise item
            if item is not None:
                yield item

    def _read(self):
        try:
            if scheme_of(self._address) is None and os.path.isdir(self._address):
                for path in FilledFolder(self._address, self._settings, self._stop).files():
                    self._read_video(path)
            else:
                self._read_video(self._address)
        except Exception as error:  # A bug; the thread that waits for frames raises it.
            self._queue.put_event(error)
        finally:
            self._queue.put_event(_END)

    def _read_video(self, address):
        video = _Video(address, self._settings)
        try:
            for item in video.items(self._stop):
                if isinstance(item, SampledFrame):
                    self._queue.put_frame(item, drop=video.is_live)
                else:
                    self._queue.put_event(item)
        except BrokenConnection as error:
            self._queue.put_event(video.sampler.event("failed", _sentence(error.reason)))
        self._queue.put_event(video.sampler.event("end", "The reading of this video has ended."))


class _Video:
    """One video with all its connections."""

    def __init__(self, address, settings):
        self._address, self._settings = address, settings
        self._can_return = scheme_of(address) is not None or is_device(address)
        self._clock = StreamClock()
        self.sampler = FrameSampler(printable_address(address), settings)
        self.is_live = False

    def items(self, stop):
        """Yields frames and events.

        Raises:
            BrokenConnection: If nothing more comes, though this is not the end.
        """
        tries, reached = 0, None
        while not stop.is_set():
            try:
                with open_connection(self._address, self._settings.timeout) as connection:
                    yield from self._of_connection(connection, stop)
                return
            except BrokenConnection as error:
                if self.sampler.seconds != reached:
                    tries, reached = 0, self.sampler.seconds
                yield from self._pause(error, tries, stop)
                tries += 1

    def _of_connection(self, connection, stop):
        self.is_live = connection.is_live
        self._clock.connect(connection.is_live, connection.counts_from_zero)
        yield self._first_event(connection)
        damaged, timed, before = 0, True, self.sampler.damaged
        for time_stamp, frame in connection.frames():
            if stop.is_set():
                return
            if timed and not connection.has_times:
                timed = False
                yield self.sampler.event("untimed", "The video has no times; frames are counted.")
            seconds = self._clock.seconds(time_stamp)
            if seconds is not None:
                yield from self.sampler.add(frame, seconds)
            found = connection.damaged + self.sampler.damaged - before
            if found > damaged == 0:
                yield self.sampler.event("damaged", "A damaged part of the video is left out.")
            damaged = found
        if damaged:
            text = f"{damaged} damaged packets or frames were left out."
            yield self.sampler.event("damaged", text)
        if self.sampler.seconds is None:
            raise BrokenConnection("it ended before its first frame")
        if connection.is_live:
            raise BrokenConnection("the stream ended")

    def _first_event(self, connection):
        rate = f"{connection.rate:.2f} frames per second" if connection.rate else "an unknown rate"
        what = "{}x{} pixels".format(*connection.size)
        if self.sampler.seconds is None:
            return self.sampler.event("begin", f"The video begins: {what}, {rate}.")
        return self.sampler.event("connected", f"The stream is connected again: {what}, {rate}.")

    def _pause(self, error, tries, stop):
        """Waits before the next try, or raises the error where a try has no sense."""
        never_came = self.sampler.seconds is None
        if error.refused or never_came or not self._can_return:
            raise error
        if tries == self._settings.reconnects:
            raise BrokenConnection(f"{error.reason}, and no new frame came (tries: {tries})")
        pause = min(self._settings.pause * 2 ** min(tries, _MOST_DOUBLINGS), _LONGEST_PAUSE)
        text = f"{_sentence(error.reason)} The next try is in {pause:.1f} seconds."
        yield self.sampler.event("broken", text)
        stop.wait(pause)


def _sentence(phrase):
    return f"{phrase[:1].upper()}{phrase[1:].rstrip('.')}."
