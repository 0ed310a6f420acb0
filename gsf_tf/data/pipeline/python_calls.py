"""Lets calls from TensorFlow's threads into Python end before the process does."""

import atexit
import functools
import threading
import time
from collections.abc import Callable

# A pipeline that still makes calls makes the next one sooner than this.
_QUIET_SECONDS = 0.3

_MOST_SECONDS = 10

_lock = threading.Lock()
_running = 0
_last_end = 0.0
_is_ending = False


def ends_with_process(function: Callable) -> Callable:
    """Makes a function for `tf.numpy_function` that does not hang the process at its end.

    Once interpreter shutdown has begun, no other thread may enter Python. A call that is running at
    that time never returns, and an iterator that waits for it hangs the process when it is deleted.
    Therefore, before shutdown begins, new calls fail at once, and the process waits until no call
    is running.

    Args:
        function: Any function.

    Returns:
        A function that does the same, but raises a `RuntimeError` if the process is ending.
    """

    @functools.wraps(function)
    def call(*args):
        global _running, _last_end
        with _lock:
            _running += 1
        try:
            if _is_ending:
                raise RuntimeError("The process is ending.")
            return function(*args)
        finally:
            with _lock:
                _running -= 1
                _last_end = time.monotonic()

    return call


@atexit.register
def _wait():
    global _is_ending
    _is_ending = True
    limit = time.monotonic() + _MOST_SECONDS
    while time.monotonic() < limit:
        with _lock:
            if not _running and time.monotonic() - _last_end > _QUIET_SECONDS:
                return
        time.sleep(0.02)
