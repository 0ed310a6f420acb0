"""Finds the files of a dataset at any depth in a folder."""

import os
import pathlib

from gsf_tf.data.listing.folder_walk import FolderWalk
from gsf_tf.data.listing.video_folder import VIDEO_EXTENSIONS
from gsf_tf.errors import DataError


class FileIndex:
    """An index from names without extension to the video files below a folder.

    Downloads of one dataset differ in their folders (with or without `train/`, class folders with
    spaces or underscores) and in their containers, but the names of the files are unique.

    Args:
        folder: The folder, which is searched to any depth, each directory once (`FolderWalk`).

    Attributes:
        skipped: What the search left out, each with the reason, as `ClipListing.notes`.
    """

    def __init__(self, folder: pathlib.Path):
        self._folder = folder
        self._files = {}
        walk = FolderWalk(folder)
        self.skipped = walk.skipped
        for parts, names in walk.folders.items():
            for name in names:
                stem, extension = os.path.splitext(name)
                if extension.lower() in VIDEO_EXTENSIONS:
                    self._files.setdefault(stem, []).append("/".join((*parts, name)))

    def find(self, file: str) -> str | None:
        """Returns the path of a file relative to the folder, `None` if the folder lacks it.

        Args:
            file: The official path of the file. Only the name without extension is compared.

        Raises:
            DataError: If several files have this name.
        """
        found = sorted(self._files.get(pathlib.PurePosixPath(file).stem, ()))
        if len(found) > 1:
            raise DataError(
                f"Each clip must have one file. Received: `{'`, `'.join(found[:3])}` in "
                f"{str(self._folder)!r}. Remove all but one."
            )
        return found[0] if found else None
