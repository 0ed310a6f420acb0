"""Writing of files that are either complete or not there."""

import os
import uuid

import tensorflow as tf

INCOMPLETE = ".incomplete"


class ShardWriter:
    """Writes records under a temporary name and renames the file when all are in it.

    The temporary name is another one each time, for a cluster may try a shard twice at once. As a
    context manager it renames on success and removes the temporary file on an error.

    Args:
        path: Final name of the shard.

    Example:

    >>> with ShardWriter(f"{folder}/train-00000-of-00001.tfrecord") as shard:
    ...     shard.write(record)
    """

    def __init__(self, path: str):
        self.path = path
        self._incomplete = _temporary_name(path)
        self._writer = tf.io.TFRecordWriter(self._incomplete)

    def write(self, record: bytes) -> None:
        """Adds a serialised record."""
        self._writer.write(record)

    def __enter__(self):
        return self

    def __exit__(self, error_type, error, traceback):
        self._writer.close()
        if error_type is None:
            tf.io.gfile.rename(self._incomplete, self.path, overwrite=True)
        else:
            tf.io.gfile.remove(self._incomplete)


def write_whole_file(path: str, text: str) -> None:
    """Writes a text file under a temporary name and renames it.

    Args:
        path: Final name of the file.
        text: All that goes into it.
    """
    incomplete = _temporary_name(path)
    with tf.io.gfile.GFile(incomplete, "w") as file:
        # In one piece: without a single `write`, GFile would not make the file at all.
        file.write(text)
    tf.io.gfile.rename(incomplete, path, overwrite=True)


def refresh_copy(path: str, copy: str, length: int) -> None:
    """Copies a file under a temporary name and renames it, unless a copy of its length is there.

    Several threads and processes may make the same copy.

    Args:
        path: The file, of any file system that `tf.io.gfile` knows.
        copy: Final name of the copy; its folder is made.
        length: Bytes of the file.

    Raises:
        tf.errors.OpError: When the file cannot be read or the copy cannot be written.
    """
    if tf.io.gfile.exists(copy) and tf.io.gfile.stat(copy).length == length:
        return
    incomplete = _temporary_name(copy)
    tf.io.gfile.makedirs(os.path.dirname(copy))
    tf.io.gfile.copy(path, incomplete)
    tf.io.gfile.rename(incomplete, copy, overwrite=True)


def _temporary_name(path):
    return f"{path}.{uuid.uuid4().hex[:8]}{INCOMPLETE}"
