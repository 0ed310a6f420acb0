"""The maps that RubiksNet shifts, and shift and convolution on them as one op and as two."""

import numpy as np

WIDTHS = {"rubiksnet_tiny": 54, "rubiksnet_large": 72}


def maps(width, image_size):
    """Yields size, channels and stride of each different shift of a network."""
    size = image_size // 2
    yield size, width, 1
    for stage in range(4):
        yield size, width * 2**stage, 2
        size //= 2
        yield size, width * 2**stage, 1


def candidates(size, channels, stride, clips, num_segments, adds):
    """Returns functions that run each form once."""
    import tensorflow as tf

    from gsf_tf import ops

    rng = np.random.default_rng(0)
    frames = clips * num_segments
    x = tf.Variable(rng.random((frames, size, size, channels), np.float32))
    shift = tf.Variable(rng.uniform(-1, 1, (3, channels)).astype(np.float32))
    # As in a frozen network: oneDNN arranges a constant once.
    values = rng.normal(size=(channels, channels)).astype(np.float32)
    output = -(-size // stride)
    addend = tf.Variable(rng.random((frames, output, output, channels), np.float32))

    def one_op():
        other, kernel = addend if adds else None, tf.constant(values)
        return ops.rubiks_shift_pointwise(x, shift, kernel, num_segments, stride, addend=other)[
            0, 0, 0, 0
        ]

    def two_ops():
        y = ops.rubiks_shift(x, shift, num_segments, stride)
        y = tf.nn.conv2d(y, tf.constant(values[None, None]), 1, "VALID")
        return (y + addend if adds else y)[0, 0, 0, 0]

    return {"two ops": tf.function(two_ops), "one op": tf.function(one_op)}
