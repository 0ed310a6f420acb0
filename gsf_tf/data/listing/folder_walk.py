"""Walks a folder and what its links lead to, and takes every directory and file once."""

import errno
import os
import pathlib
from typing import NamedTuple

from gsf_tf.errors import DataError

# The names of `DatasetInfo` and `RecordPlan`, which are in rooms above. A folder that holds one of
# them was written by `write_records`.
_RECORD_FILES = frozenset({"dataset_info.json", "in_progress.json"})

# What opening a link says that leads to nothing, or in a circle.
_LEADS_NOWHERE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})


class FolderWalk:
    """The folders and files below a folder, links followed, each taken once.

    A directory is entered once, whatever number of links lead to it, and so a link to a folder
    above it ends nothing in a loop. Where a folder can be reached both directly and by a link, the
    direct way counts; of several links, the first by name. The same holds for a file and links to
    it. A folder of records, which has `dataset_info.json`, is not entered, because records may be
    written into the folder of the videos. Names that start with a dot are skipped.

    A folder that cannot be read is an error, because nobody knows what clips are in it. Only an
    unreadable `lost+found`, which file systems make, is left out.

    Args:
        folder: The folder.

    Attributes:
        folders: The names of the files in each folder, sorted, by the folder's parts relative to
            `folder`; `()` is `folder` itself.
        skipped: What was left out, each with the reason, as `ClipListing.notes`.

    Raises:
        DataError: If a folder cannot be read.
    """

    def __init__(self, folder: str | os.PathLike):
        self._root = pathlib.Path(folder)
        self.folders: dict[tuple[str, ...], list[str]] = {}
        self.skipped: list[str] = []
        self._seen = {}
        self._linked_files = set()
        self._links = []
        self._unreadable = []
        self._enter(())
        # What lies in the folder itself is taken before what only links reach.
        while self._links:
            links, self._links = sorted(self._links), []
            for parts in links:
                self._follow(parts)
        self._check_readable()
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

    def _check_readable(self):
        if not self._unreadable:
            return
        first = "; ".join(self._unreadable[:5])
        count = len(self._unreadable)
        raise DataError(
            "Every folder below `folder` must be readable, because it may hold clips. Received: "
            f"folder={str(self._root)!r} with {count} {'folders' if count > 1 else 'folder'} that "
            f"cannot be read: {first}. Change the permissions, or move them elsewhere."
        )

    def _enter(self, parts):
        stack = [parts]
        while stack:
            parts = stack.pop()
            path = self.path(parts)
            try:
                # Not from the entry in the folder above, which has no device on some systems.
                status = os.stat(path)
                key = _key(path, status)
                if key in self._seen:
                    self._skip(f"`{shown(parts)}`", key)
                    continue
                self._seen[key] = parts
                with os.scandir(path) as entries:
                    entries = [entry for entry in entries if entry.name[0] != "."]
            except OSError as error:
                self._note_unreadable(parts, error)
                continue
            self.folders[parts] = []
            if parts and any(entry.name in _RECORD_FILES for entry in entries):
                del self.folders[parts]
                self.skipped.append(f"`{shown(parts)}` is left out: it holds records, no clips")
                continue
            for entry in sorted(entries, key=lambda entry: entry.name, reverse=True):
                try:
                    self._add(entry, (*parts, entry.name), status, stack)
                except OSError as error:
                    self._note_unreadable((*parts, entry.name), error)

    def _add(self, entry, parts, folder_status, stack):
        """Adds an entry of a folder: to `stack` if it is a folder too."""
        if entry.is_symlink():
            try:
                os.stat(entry.path)
            except OSError as error:
                # A link that leads nowhere is a file that cannot be read.
                if error.errno not in _LEADS_NOWHERE and not os.path.splitext(entry.name)[1]:
                    raise
            else:
                self._links.append(parts)
                return
        elif entry.is_dir():
            stack.append(parts)
            return
        key = _key(entry.path, entry, folder_status)
        if key in self._linked_files:
            self._skip(f"`{shown(parts)}`", key)
        else:
            self.folders[parts[:-1]].append(parts[-1])
            self._seen[key] = parts

    def _note_unreadable(self, parts, error):
        if parts and parts[-1] == "lost+found":
            self.skipped.append(f"`{shown(parts)}` is left out: {error.strerror}")
        else:
            self._unreadable.append(f"`{shown(parts) or '.'}` ({error.strerror})")

    def _follow(self, parts):
        path = self.path(parts)
        try:
            status = os.stat(path)
        except OSError as error:
            self._note_unreadable(parts, error)
            return
        key, is_folder = _key(path, status), os.path.isdir(path)
        if is_folder and _leads_up(path):
            self.skipped.append(
                f"The link `{shown(parts)}` is left out: it leads to a folder that it is in"
            )
        elif key in self._seen:
            self._skip(f"The link `{shown(parts)}`", key)
        elif is_folder:
            self._enter(parts)
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
