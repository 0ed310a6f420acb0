"""An op that counts the records of a file that can be read, in the graph of a pipeline."""

import tensorflow as tf
from tensorflow.types.experimental import TensorLike

from gsf_tf.ops import library
from gsf_tf.ops.implementation import use_compiled
from gsf_tf.ops.reference.count_records import count_records as reference_count_records


def count_records(file: TensorLike, most: TensorLike) -> tf.Tensor:
    """Counts the records at the beginning of a TFRecord file that lie within the file.

    `tf.data.TFRecordDataset` believes the length of a record and asks for as much memory. A length
    that is longer than the file would end the process, so the pipelines compare the lengths with
    the file first, and read no more records than this op counts. It reads the lengths only. Of a
    file in an object store it reads everything, in large blocks.

    Args:
        file: Path of the file, string scalar.
        most: Where the count ends, an integer scalar; -1 counts all.

    Returns:
        int64 scalar: the number of records before the first one whose length does not match its
        checksum, is longer than the rest of the file, or is longer than 2**31 - 1 bytes, which no
        clip is. Checksums of contents are not compared. 0 if the file cannot be read.
    """
    file, most = tf.convert_to_tensor(file, tf.string), tf.cast(most, tf.int64)
    if use_compiled("count_records"):
        return library.raw_op("count_records")(file, most)
    return reference_count_records(file, most)
