"""Walks a folder and what its links lead to, and takes every directory and file once."""

import os
import pathlib
from typing import NamedTuple

# The names of `DatasetInfo` and `RecordPlan`, which are in rooms above. A folder that holds one of
# them was written by `write_records`.
_RECORD_FILES = frozenset({"dataset_info.json", "in_progress.json"})


class FolderWalk:
    """The folders and files below a folder, links followed, each taken once.

    A directory is entered once, whatever number of links lead to it, and so a link to a folder
    above it ends nothing in a loop. Where a folder can be reached both directly and by a link, the
    direct way counts; of several links, the first by name. The same holds for a file and links to
    it. A folder of records, which has `dataset_info.json`, is not entered, because records may be
    written into the folder of the videos. Names that start with a dot are skipped.

    Args:
        folder: The folder.

    Attributes:
        folders: The names of the files in each folder, sorted, by the folder's parts relative to
            `folder`; `()` is `folder` itself.
        skipped: What was left out, each with the reason, as `ClipListing.notes`.
    """

    def __init__(self, folder: str | os.PathLike):
        self._root = pathlib.Path(folder)
        self.folders: dict[tuple[str, ...], list[str]] = {}
        self.skipped: list[str] = []
        self._seen = {}
        self._linked_files = set()
        self._links = []
        self._enter((), os.stat(self._root))
        # What lies in the folder itself is taken before what only links reach.
        while self._links:
            links, self._links = sorted(self._links), []
            for parts in links:
                self._follow(parts)
        self.folders = {parts: sorted(self.folders[parts]) for parts in sorted(self.folders)}
        self._children = {}
        for parts in self.folders:
            if parts:
                self._children.setdefault(parts[:-1], []).append(parts[-1])

    def subfolders(self, parts: tuple[str, ...] = ()) -> list[str]:
        """Returns the names of the folders in a folder, sorted."""
        return self._children.get(parts, [])

    def path(self, parts: tuple[str, ...]) -> pathlib.Path:
        """Returns the path of a folder or a file."""
        return self._root.joinpath(*parts)

    def _enter(self, parts, status):
        stack = [(parts, status)]
        while stack:
            parts, status = stack.pop()
            path = self.path(parts)
            key = _key(path, status)
            if key in self._seen:
                self._skip(f"`{shown(parts)}`", key)
                continue
            self._seen[key] = parts
            self.folders[parts] = []
            try:
                with os.scandir(path) as entries:
                    entries = [entry for entry in entries if entry.name[0] != "."]
                    entries.sort(key=lambda entry: entry.name, reverse=True)
            except OSError as error:
                if not parts:
                    raise
                self.skipped.append(f"`{shown(parts)}` is left out: {error.strerror}")
                continue
            if parts and any(entry.name in _RECORD_FILES for entry in entries):
                del self.folders[parts]
                self.skipped.append(f"`{shown(parts)}` is left out: it holds records, no clips")
                continue
            for entry in entries:
                if entry.is_symlink() and os.path.exists(entry.path):
                    self._links.append((*parts, entry.name))
                    continue
                # A link that leads nowhere is a file that cannot be read.
                if not entry.is_symlink() and entry.is_dir():
                    # Not from `entry`, which has no device on some systems.
                    stack.append(((*parts, entry.name), os.stat(entry.path)))
                    continue
                key = _key(entry.path, entry, status)
                if key in self._linked_files:
                    self._skip(f"`{shown((*parts, entry.name))}`", key)
                else:
                    self.folders[parts].append(entry.name)
                    self._seen[key] = (*parts, entry.name)

    def _follow(self, parts):
        path = self.path(parts)
        status = os.stat(path)
        key, is_folder = _key(path, status), os.path.isdir(path)
        if is_folder and _leads_up(path):
            self.skipped.append(
                f"The link `{shown(parts)}` is left out: it leads to a folder that it is in"
            )
        elif key in self._seen:
            self._skip(f"The link `{shown(parts)}`", key)
        elif is_folder:
            self._enter(parts, status)
        else:
            self._seen[key] = parts
            self._linked_files.add(key)
            self.folders[parts[:-1]].append(parts[-1])

    def _skip(self, what, key):
        first = shown(self._seen[key])
        self.skipped.append(f"{what} is left out: it is the same as `{first}`, which is listed")


class _Identity(NamedTuple):
    """What tells a directory or a file from all others."""

    device: int
    inode: int | str


def _key(path, entry, folder_status=None):
    """Returns the `_Identity` of a path from its status, or from its entry in a folder."""
    if folder_status is None:
        device, inode = entry.st_dev, entry.st_ino
    else:
        device, inode = folder_status.st_dev, entry.inode()
    # Some file systems have no inodes.
    return _Identity(device, inode or os.path.realpath(path))


def _leads_up(link):
    above, target = os.path.realpath(link.parent), os.path.realpath(link)
    return os.path.commonpath([above, target]) == target


def shown(parts: tuple[str, ...]) -> str:
    """Returns a path as text for messages; names need not be UTF-8, but what is printed must be."""
    return "/".join(parts).encode(errors="backslashreplace").decode()
