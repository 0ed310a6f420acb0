"""Decodes the frames of a clip whole, for changes that come before the crop."""

import tensorflow as tf

from gsf_tf.ops.reference.attempt import attempt
from gsf_tf.ops.reference.decode_crops import check_sizes


def decode_frames(jpegs, frame_size) -> tuple[tf.Tensor, tf.Tensor]:
    """Decodes the frames of a clip; the pixels are those of `gsf_tf.ops.decode_crops`.

    Args:
        jpegs: The frames as JPEG files, strings `[T]`. T must be known statically.
        frame_size: int32 `[2]`, the (height, width) in pixels that every frame must have.

    Returns:
        A pair: the frames, uint8 `[T, H, W, 3]`, zeros if a JPEG cannot be decoded; and a bool
        scalar, whether all frames were decoded and have `frame_size`.
    """
    num_frames = jpegs.shape[0]

    def decode(jpegs, frame_size):
        checked = check_sizes(tf.unstack(jpegs), frame_size)
        method = {"channels": 3, "dct_method": "INTEGER_ACCURATE"}
        return tf.stack([tf.image.decode_jpeg(jpeg, **method) for jpeg in checked])

    blank = tf.zeros([num_frames, *tf.unstack(frame_size), 3], tf.uint8)
    frames, good = attempt(decode, jpegs, frame_size, otherwise=blank)
    return tf.ensure_shape(frames, [num_frames, None, None, 3]), good
