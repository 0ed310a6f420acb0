"""Reference form of the product in `gsf_tf.ops.rubiks_shift_pointwise`."""

import tensorflow as tf


def pointwise(shifted, kernel, addend):
    """Returns `shifted @ kernel + addend` in the dtype of `shifted`.

    Args:
        shifted: `[N, H, W, C]`.
        kernel: `[C, F]`, of the dtype that is computed in.
        addend: `[N, H, W, F]` of the dtype of `shifted`, or None.
    """
    y = tf.tensordot(tf.cast(shifted, kernel.dtype), kernel, 1)
    if addend is not None:
        same = tf.debugging.assert_equal(
            tf.shape(addend), tf.shape(y), "addend must have the shape of the result."
        )
        with tf.control_dependencies([same] if same is not None else []):
            y += tf.cast(addend, y.dtype)
    return tf.cast(y, shifted.dtype)
