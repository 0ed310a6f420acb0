"""What waits between the thread that reads a video and the model."""

import collections
import threading


class FrameQueue:
    """A queue of frames with a bound, and of events without one.

    When it is full, the source of a file waits; of a camera, the oldest frame is dropped and
    counted, because the next one comes whether it is waited for or not.

    Args:
        size: Frames that may wait, at least 1.

    Attributes:
        dropped: Number of frames that were dropped.
    """

    def __init__(self, size: int):
        self._size, self._items, self._frames = size, collections.deque(), 0
        self._changed = threading.Condition()
        self._closed = False
        self.dropped = 0

    def put_event(self, event: object) -> None:
        """Adds what is never dropped."""
        with self._changed:
            self._items.append((False, event))
            self._changed.notify_all()

    def put_frame(self, frame: object, drop: bool) -> None:
        """Adds a frame.

        Args:
            frame: The frame.
            drop: Drop the oldest frame where there is no room, instead of waiting.
        """
        with self._changed:
            if drop and self._frames == self._size:
                oldest = next(i for i, (is_frame, _) in enumerate(self._items) if is_frame)
                del self._items[oldest]
                self._frames -= 1
                self.dropped += 1
            self._changed.wait_for(lambda: self._frames < self._size or self._closed)
            if not self._closed:
                self._items.append((True, frame))
                self._frames += 1
                self._changed.notify_all()

    def get(self, timeout: float) -> object | None:
        """Returns the next frame or event, None if there is none within `timeout` seconds."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._items, timeout):
                return None
            is_frame, item = self._items.popleft()
            self._frames -= is_frame
            self._changed.notify_all()
            return item

    def close(self) -> None:
        """Lets go of whoever waits for room; later frames are ignored."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
