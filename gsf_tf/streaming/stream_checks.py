"""The rules that the arguments of both kinds of streaming models follow."""

import numpy as np

from gsf_tf.whole_numbers import is_whole


def check_batch(batch):
    """Raises a `ValueError` if `batch` is no number of streams."""
    if not is_whole(batch, 1):
        raise ValueError(f"`batch` must be an integer >= 1. Received: batch={batch!r}")


def check_frames(frames, frame_shape, batch):
    """Raises a `ValueError` if frames are not those of `batch` streams.

    Args:
        frames: Tensor, which must be `[N, H, W, 3]` or `[N, K, H, W, 3]`.
        frame_shape: `(H, W, 3)`.
        batch: Number of streams N.
    """
    shape = tuple(frames.shape)
    if len(shape) not in (4, 5) or shape[-3:] != frame_shape or shape[0] != batch:
        raise ValueError(
            f"`frames` must be [{batch}, {', '.join(map(str, frame_shape))}] for the "
            f"state of {batch} streams, or have the number of frames as a second dimension. "
            f"Received: frames of shape {shape}"
        )


def checked_streams(streams, batch):
    """Returns one truth value per stream as an array, or raises a `ValueError`."""
    streams = np.asarray(streams)
    if streams.shape != (batch,) or streams.dtype != bool:
        raise ValueError(
            f"`streams` must be {batch} truth values, one per stream. Received: "
            f"shape={streams.shape}, dtype={streams.dtype}"
        )
    return streams
