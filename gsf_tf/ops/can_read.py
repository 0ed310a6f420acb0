"""An op that checks whether a file can be read, in the graph of a pipeline."""

import tensorflow as tf

from gsf_tf.ops import library
from gsf_tf.ops.implementation import use_compiled
from gsf_tf.ops.reference.attempt import attempt


def can_read(file: tf.types.experimental.TensorLike) -> tf.Tensor:
    """Returns whether a file can be opened and read now, as a bool scalar.

    Args:
        file: Path of the file, string scalar.
    """
    file = tf.convert_to_tensor(file, tf.string)
    if use_compiled("can_read"):
        return library.raw_op("can_read")(file)
    return attempt(_read_a_byte, file, otherwise=0)[1]


def _read_a_byte(file):
    return tf.data.FixedLengthRecordDataset(file, 1).take(1).reduce(0, lambda count, _: count + 1)
