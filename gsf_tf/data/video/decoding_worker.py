"""A process that decodes for this one, and that can be ended in the middle of it."""

import contextlib
import multiprocessing
import os
import resource
import signal
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext

from gsf_tf.data.video.clip_budget import out_of_time

# Bytes of addresses. A clip of the largest record, its message to the parent and a picture of the
# largest size take less than 5 GiB.
_MAX_MEMORY = 8 * 2**30

# A process that stops by itself when the time is over has these seconds for it.
_GRACE_SECONDS = 10


class DecodingWorker:
    """A process that answers one request after the other.

    A decoder that hangs in a single call cannot be stopped from inside of its process, and one that
    crashes takes its process with it. Neither does harm to the process that asks.

    Args:
        context: Starts the process.
        serve: Runs in the process: receives requests from a connection and sends an answer to each,
            until the connection ends.
    """

    def __init__(self, context: BaseContext, serve: Callable[[Connection], None]):
        self._connection, other = context.Pipe()
        self._process = context.Process(target=serve, args=(other,), daemon=True)
        self._process.start()
        other.close()

    def ask(self, request: object, path: str | os.PathLike, seconds: float, limit: float) -> object:
        """Sends a request and waits for the answer.

        Args:
            request: What `serve` receives.
            path: The clip that the request is about.
            seconds: Seconds that are left for the clip. A little more may pass, so that the process
                can say itself that they are over.
            limit: Seconds for the whole clip, for the message.

        Raises:
            VideoError: If the time is over. The process is ended.
            EOFError: If the process died.
        """
        try:
            self._connection.send(request)
            if self._connection.poll(seconds + _GRACE_SECONDS):
                return self._connection.recv()
        except OSError as error:  # The process died before it has read the request.
            raise EOFError from error
        self.stop()
        raise out_of_time(path, limit)

    def kill(self) -> None:
        """Ends the process at once; another thread that waits for an answer gets an `EOFError`."""
        self._process.kill()

    def stop(self) -> None:
        """Ends the process at once and forgets it; no other thread may wait for an answer."""
        self._process.kill()
        self._process.join()
        self._connection.close()


def start_worker() -> None:
    """Prepares this process for its work; `serve` calls it first.

    Its memory gets a limit, so that a file that wants more is an error of the decoder and does not
    make the machine end other processes.
    """
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    limit = _MAX_MEMORY if most == resource.RLIM_INFINITY else min(_MAX_MEMORY, most)
    with contextlib.suppress(ValueError, OSError):  # Not every system has such a limit.
        resource.setrlimit(resource.RLIMIT_AS, (limit, most))
    # Ctrl-C reaches all processes of the group, but only the parent handles it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent():
    multiprocessing.parent_process().join()
    os._exit(1)
