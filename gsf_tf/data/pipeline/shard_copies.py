"""Keeps copies of shards on a local disk."""

import hashlib
import os
from collections.abc import Mapping

import tensorflow as tf

from gsf_tf.files.literal_paths import check_path
from gsf_tf.files.whole_file import refresh_copy


def copy_shards(files: Mapping[int, str], folder: str) -> dict[int, str]:
    """Copies the shards that `folder` does not hold yet.

    A copy has its final name only when it is complete. It is made again if the length of the
    original has changed.

    Args:
        files: Paths of the shards by their numbers, in any file system that `tf.io.gfile` knows.
        folder: Folder of the copies, which is created.

    Returns:
        The paths of the copies by the same numbers.
    """
    check_path("cache", folder)
    copies = {}
    for number, file in files.items():
        # Shards in different folders may have the same name.
        origin = hashlib.sha256(os.path.dirname(file).encode()).hexdigest()[:8]
        copy = os.path.join(folder, f"{origin}-{os.path.basename(file)}")
        refresh_copy(file, copy, tf.io.gfile.stat(file).length)
        copies[number] = copy
    return copies
