"""Calls of TensorFlow's threads into Python, which must be over before the process ends."""

import atexit
import functools
import threading
import time
from collections.abc import Callable

# A pipeline that has room for more calls makes the next one sooner than this.
_QUIET_SECONDS = 0.3

_MOST_SECONDS = 10

_lock = threading.Lock()
_running = 0
_last_end = 0.0
_is_ending = False


def ends_with_process(function: Callable) -> Callable:
    """Makes a function for `tf.numpy_function` that no process waits for when it ends.

    From a moment on, a process that ends lets no other thread into Python. A call that is under
    way then never returns, and the iterator that waits for it, if it still exists, hangs the
    process as it is deleted. So before that moment, calls fail at once, and the end waits until
    there are none.

    Args:
        function: Any function.

    Returns:
        The same, which raises `RuntimeError` when the process is ending.
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
