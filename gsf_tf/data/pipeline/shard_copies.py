"""Copies of shards on a local disk."""

import hashlib
import os

import tensorflow as tf

from gsf_tf.whole_file import refresh_copy


def copy_shards(files: list[str], folder: str) -> list[str]:
    """Copies shards that are not in `folder` yet.

    A copy has its final name only when it is complete, and is made again where the length of the
    original has changed.

    Args:
        files: Paths of the shards, of any file system that `tf.io.gfile` knows.
        folder: Folder for the copies; it is made.

    Returns:
        The paths of the copies, in the order of `files`.
    """
    copies = []
    for file in files:
        # Shards of two folders may have the same name.
        origin = hashlib.sha256(os.path.dirname(file).encode()).hexdigest()[:8]
        copy = os.path.join(folder, f"{origin}-{os.path.basename(file)}")
        refresh_copy(file, copy, tf.io.gfile.stat(file).length)
        copies.append(copy)
    return copies
