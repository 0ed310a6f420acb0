"""Copies of shards on a local disk."""

import hashlib
import os

import tensorflow as tf


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
    tf.io.gfile.makedirs(folder)
    copies = []
    for file in files:
        # Shards of two folders may have the same name.
        origin = hashlib.sha256(os.path.dirname(file).encode()).hexdigest()[:8]
        copy = os.path.join(folder, f"{origin}-{os.path.basename(file)}")
        length = tf.io.gfile.stat(file).length
        if not tf.io.gfile.exists(copy) or tf.io.gfile.stat(copy).length != length:
            tf.io.gfile.copy(file, copy + ".incomplete", overwrite=True)
            tf.io.gfile.rename(copy + ".incomplete", copy, overwrite=True)
        copies.append(copy)
    return copies
