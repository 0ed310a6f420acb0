"""Tells batch normalization which replicas have clips of their own.

A replica whose share of a batch is empty runs a stand-in clip, because TensorFlow's convolutions
need one on CPUs and all replicas must take part in sums over replicas. The stand-in must not count.
"""

import contextlib
import threading
from collections.abc import Iterator

import tensorflow as tf

# Replicas run in threads of their own.
_THREAD = threading.local()


@contextlib.contextmanager
def stand_in_unless(has_clips: tf.Tensor) -> Iterator[None]:
    """Keeps the clips of this replica out of all statistics in a `with` block, unless they count.

    Args:
        has_clips: Boolean scalar, whether they are clips of the batch and no stand-in.
    """
    _THREAD.has_clips = has_clips
    try:
        yield
    finally:
        _THREAD.has_clips = None


def has_clips() -> tf.Tensor | None:
    """Returns the argument of the block that this thread is in, or None outside of a block."""
    return getattr(_THREAD, "has_clips", None)
