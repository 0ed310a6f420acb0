"""Keeps copies of clips on a local disk."""

import hashlib
import os

import tensorflow as tf

from gsf_tf.data.listing.clip_source import ClipSource
from gsf_tf.errors import DataError
from gsf_tf.files.literal_paths import check_path
from gsf_tf.files.whole_file import INCOMPLETE, refresh_copy


class ClipCopies:
    """A folder of copies of a dataset's files, which are copied when they are first needed.

    A copy has its final name only when it is complete. It is made again if the size of the original
    has changed.

    Args:
        directory: The dataset's folder.
        folder: Folder of the copies, which is created. Several datasets may share it.
    """

    def __init__(self, directory: str | os.PathLike, folder: str | os.PathLike):
        check_path("cache", folder)
        origin = hashlib.sha256(os.path.abspath(directory).encode()).hexdigest()[:16]
        self._folder = os.path.join(folder, origin)

    def local_path(self, clip: ClipSource) -> str:
        """Returns the path of a clip's copy, or its original path if it cannot be read.

        Args:
            clip: A clip that is a file or a folder of files.

        Raises:
            DataError: If the copy cannot be written.
        """
        copy = os.path.join(self._folder, clip.data_path)
        is_folder = os.path.isdir(clip.path)
        if not os.access(clip.path, os.R_OK) or not (is_folder or os.path.isfile(clip.path)):
            return clip.path  # What is no file, such as a fifo, is not read.
        try:
            if not is_folder:
                self._refresh(clip.path, copy, os.path.getsize(clip.path))
                return copy
            with os.scandir(clip.path) as entries:
                sizes = {entry.name: entry.stat().st_size for entry in entries if entry.is_file()}
            for name, size in sizes.items():
                self._refresh(os.path.join(clip.path, name), os.path.join(copy, name), size)
            if sizes:
                self._remove_others(copy, sizes)
        except OSError:
            return clip.path
        return copy if sizes else clip.path

    def _remove_others(self, copy, names):
        for name in os.listdir(copy):
            if name not in names and not name.endswith(INCOMPLETE):
                os.remove(os.path.join(copy, name))

    def _refresh(self, path, target, size):
        try:
            refresh_copy(path, target, size)
        except tf.errors.OpError as error:
            if not os.access(path, os.R_OK):  # It has vanished.
                raise FileNotFoundError(path) from error
            raise DataError(
                "`cache` must be a folder on a disk with room for the files of the dataset. "
                f"Received: cache={self._folder!r}, to which {path!r} could not be copied: "
                f"{error.message}"
            ) from error
