"""Writing of one TFRecord file that is either complete or not there."""

import tensorflow as tf


class ShardWriter:
    """Writes records under a temporary name and renames the file when all are in it.

    As a context manager it renames on success and removes the temporary file on an error.

    Args:
        path: Final name of the shard.

    Example:

    >>> with ShardWriter(f"{folder}/train-00000-of-00001.tfrecord") as shard:
    ...     shard.write(record)
    """

    SUFFIX = ".incomplete"

    def __init__(self, path: str):
        self.path = path
        self._writer = tf.io.TFRecordWriter(path + self.SUFFIX)

    def write(self, record: bytes) -> None:
        """Adds a serialised record."""
        self._writer.write(record)

    def __enter__(self):
        return self

    def __exit__(self, error_type, error, traceback):
        self._writer.close()
        if error_type is None:
            tf.io.gfile.rename(self.path + self.SUFFIX, self.path, overwrite=True)
        else:
            tf.io.gfile.remove(self.path + self.SUFFIX)
