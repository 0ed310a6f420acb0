"""The videos in a folder that another program fills."""

import os
import threading
import time
from collections.abc import Iterator

from gsf_tf.data.listing.video_folder import VIDEO_EXTENSIONS
from gsf_tf.errors import UserError
from gsf_tf.streaming.stream_settings import StreamSettings

_POLL_SECONDS = 0.2


class FilledFolder:
    """The videos in a folder, each once, when it is complete.

    A file is complete when its size and its time of change have stayed the same for
    `settings.settle` seconds. Of several, the first one by name comes first.

    Args:
        path: The folder. Folders in it and files that are no videos by their names are ignored.
        settings: `StreamSettings`, of which `settle` and `wait` count.
        stop: An event that ends the waiting.
    """

    def __init__(self, path: str, settings: StreamSettings, stop: threading.Event):
        self._path, self._settings, self._stop = path, settings, stop
        self._seen, self._done = {}, set()

    def files(self) -> Iterator[str]:
        """Yields the paths of videos, until none has come for `settings.wait` seconds.

        Raises:
            UserError: If the folder cannot be read.
        """
        last = time.monotonic()
        while not self._stop.is_set():
            name = next(self._complete(), None)
            if name is not None:
                self._done.add(name)
                yield os.path.join(self._path, name)
                last = time.monotonic()
                continue
            waited = time.monotonic() - last
            is_over = self._settings.wait is not None and waited >= self._settings.wait
            if is_over and not self._seen.keys() - self._done:
                return
            self._stop.wait(_POLL_SECONDS)

    def _complete(self):
        now, states = time.monotonic(), dict(self._states())
        # A name that is gone, as that of a file that got its final name, is waited for no longer.
        self._seen = {name: seen for name, seen in self._seen.items() if name in states}
        for name, state in sorted(states.items()):
            before = self._seen.get(name)
            if before is None or before[0] != state:
                self._seen[name] = (state, now)
            elif name not in self._done and now - before[1] >= self._settings.settle:
                yield name

    def _states(self):
        """Yields the name of each video with what changes while it is written."""
        try:
            with os.scandir(self._path) as entries:
                for entry in entries:
                    if os.path.splitext(entry.name)[1].lower() not in VIDEO_EXTENSIONS:
                        continue
                    # A file may be gone again.
                    if entry.is_file() and (status := _status(entry)) is not None:
                        yield entry.name, status
        except OSError as error:
            raise UserError(
                f"The folder must be one that can be read. Received: {self._path} ({error})."
            ) from error


def _status(entry):
    try:
        found = entry.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns
