"""Finding the files of a dataset wherever in a folder they are."""

import os
import pathlib

from gsf_tf.data.listing.video_folder import VIDEO_EXTENSIONS
from gsf_tf.errors import DataError


class FileIndex:
    """The video files below a folder by their names without extension.

    Downloads differ in their folders (with or without `train/`, a folder per class with spaces
    or underscores) and in their containers, while the names of the files are unique.

    Args:
        folder: The folder; it is searched to any depth.
    """

    def __init__(self, folder: pathlib.Path):
        self._folder = folder
        self._files = {}
        for parent, folders, files in os.walk(folder, followlinks=True):
            folders[:] = sorted(name for name in folders if name[0] != ".")
            relative = pathlib.Path(parent).relative_to(folder)
            for name in files:
                stem, extension = os.path.splitext(name)
                if extension.lower() in VIDEO_EXTENSIONS and name[0] != ".":
                    self._files.setdefault(stem, []).append((relative / name).as_posix())

    def find(self, file: str) -> str | None:
        """Returns the path of a file relative to the folder, `None` where it is not there.

        Args:
            file: Its official path; what counts is the name without extension.

        Raises:
            DataError: When several files have the name.
        """
        found = sorted(self._files.get(pathlib.PurePosixPath(file).stem, ()))
        if len(found) > 1:
            raise DataError(
                f"A clip must be there once. Received `{'`, `'.join(found[:3])}` in "
                f"`{self._folder}`. Remove all but one."
            )
        return found[0] if found else None
