"""Reads clips in a process of its own."""

import contextlib
import os
from collections.abc import Callable, Sequence

import numpy as np

from gsf_tf.data.video.clip_budget import ClipBudget
from gsf_tf.data.video.clip_limits import ClipLimits
from gsf_tf.data.video.clip_reader import read_sampled_frames
from gsf_tf.data.video.decoding_process import DecodingContext
from gsf_tf.data.video.decoding_worker import DecodingWorker, start_worker
from gsf_tf.errors import VideoError


class ClipProcess:
    """Reads clips in another process, so that no decoder can crash or hang this one.

    The process starts with the first clip and is started again after a clip that has ended it. As
    with all processes that Python spawns, a script that uses it needs the line `if __name__ ==
    "__main__":`.

    Example:

    ```python
    with ClipProcess() as process:
        frames = process.read_sampled_frames("a.mp4", lambda num_frames: [0, num_frames - 1])
    ```
    """

    def __init__(self):
        self._worker = None

    def read_sampled_frames(
        self,
        path: str | os.PathLike,
        choose: Callable[[int], Sequence[int]],
        short_side: int | None = None,
        limits: ClipLimits | None = None,
    ) -> np.ndarray:
        """Does what `clip_reader.read_sampled_frames` does.

        Raises:
            VideoError: If the clip cannot be decoded to its end within the limits, or if its
                decoder ends the process.
        """
        limits = limits or ClipLimits()
        budget = ClipBudget(path, limits)
        message = (path, short_side, limits)
        try:
            self._worker = self._worker or DecodingWorker(DecodingContext(), _serve)
            while True:
                seconds = budget.seconds_left
                kind, value = self._worker.ask(message, path, seconds, limits.max_clip_seconds)
                if kind == "frames":
                    return value
                if kind == "error":
                    break
                message = [int(index) for index in choose(value)]
        except EOFError as error:
            self.close()
            reason = "the process that decoded it died (a crash in the decoder, or no memory)"
            raise VideoError(path, reason) from error
        except BaseException:
            self.close()
            raise
        raise value

    def kill(self) -> None:
        """Ends the process at once; another thread that reads a clip in it gets a `VideoError`."""
        worker = self._worker
        if worker is not None:
            worker.kill()

    def close(self) -> None:
        """Ends the process; no other thread may read a clip in it."""
        if self._worker is not None:
            self._worker.stop()
            self._worker = None

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()


def _serve(connection):
    """Reads the clips that come through a connection, until it ends."""
    start_worker()

    def choose(num_frames):
        connection.send(("choose", num_frames))
        return connection.recv()

    with contextlib.suppress(EOFError, OSError):
        while True:
            path, short_side, limits = connection.recv()
            try:
                answer = "frames", read_sampled_frames(path, choose, short_side, limits)
            except VideoError as error:
                answer = "error", error
            connection.send(answer)
