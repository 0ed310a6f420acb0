"""Writing of files that are either complete or not there."""

import os
import uuid

import tensorflow as tf

INCOMPLETE = ".incomplete"


def write_whole_file(path: str, text: str) -> None:
    """Writes a text file under a temporary name and renames it.

    Args:
        path: Final name of the file.
        text: All that goes into it.
    """
    incomplete = temporary_name(path)
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
    incomplete = temporary_name(copy)
    tf.io.gfile.makedirs(os.path.dirname(copy))
    tf.io.gfile.copy(path, incomplete)
    tf.io.gfile.rename(incomplete, copy, overwrite=True)


def temporary_name(path):
    return f"{path}.{uuid.uuid4().hex[:8]}{INCOMPLETE}"
