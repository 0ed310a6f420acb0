"""Limits of the sizes that ops take as arguments.

Every size is checked before a shape or an array is made of it. Otherwise an absurd one would end
the process instead of raising an error.
"""

from typing import Any

from gsf_tf.whole_numbers import is_whole

# What TensorFlow's shape tensors hold.
MAX_SIZE = 2**31 - 1

# A little more than the pixels of an 8K frame. kMaxFramePixels in
# custom_ops/tensorflow/frame_crops.h is the same number.
MAX_FRAME_PIXELS = 2**25


def is_size(value: Any) -> bool:
    """Returns whether a value is a whole number that can be a size, 1..2**31 - 1."""
    return is_whole(value, 1, MAX_SIZE)


def check_num_segments(num_segments: int, received: str) -> None:
    """Checks a number of frames per clip.

    Args:
        num_segments: The number.
        received: The sentence of the error that says what the op received.

    Raises:
        ValueError: If it is outside 1..2**31 - 1.
    """
    if num_segments < 1:
        raise ValueError(f"num_segments must be at least 1. {received}")
    if num_segments > MAX_SIZE:
        raise ValueError(f"num_segments must be at most 2**31 - 1. {received}")
