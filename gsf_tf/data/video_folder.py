"""Data sets that are a folder of videos per class."""

import collections
import os
import pathlib

from gsf_tf.data.clip_listing import ClipListing
from gsf_tf.data.clip_source import ClipSource
from gsf_tf.data.data_error import DataError
from gsf_tf.data.label_map import LabelMap

VIDEO_EXTENSIONS = frozenset(
    ".3gp .asf .avi .flv .gif .m2ts .m4v .mkv .mov .mp4 .mpeg .mpg .mts .ogv .ts .vob .webm "
    ".wmv".split()
)

_SPLIT_FOLDERS = {"train": "train", "val": "val", "validation": "val", "test": "test"}

_LAYOUT = "one folder per class (FOLDER/CLASS/CLIP.mp4), or the same below train/ and val/"


def list_video_folder(folder: str | os.PathLike) -> ClipListing:
    """Finds the clips of a folder that holds one folder per class.

    The layout is `folder/CLASS/...`, or `folder/train/CLASS/...` with `val`
    (`validation`) and `test` beside it; the second is recognised by `train` being there,
    with folders inside, and nothing but these names beside it. Class folders are searched
    to any depth. Classes are sorted by name. Files whose extension is not in
    `VIDEO_EXTENSIONS` are counted as ignored; files and folders whose name starts with a
    dot are passed over.

    Args:
        folder: The folder.

    Returns:
        The clips with their label map; `split` is set in the second layout only.

    Raises:
        DataError: When the folder is missing, empty or laid out otherwise, has fewer than two
            classes, or when a class holds no clip to learn it from.
    """
    folder = pathlib.Path(folder)
    if not folder.is_dir():
        problem = "is not a folder" if folder.exists() else "does not exist"
        raise DataError(f"The videos must be in {_LAYOUT}. Received `{folder}`, which {problem}.")
    parts = _parts(folder)
    ignored = collections.Counter()
    found = {
        split: {name: _find_videos(path, ignored) for name, path in _subfolders(part).items()}
        for split, part in parts.items()
    }
    training = found.get("train", found.get(None))
    names = sorted(training)
    _check_classes(folder, parts, found, training)
    labels = LabelMap(names)
    clips = [
        ClipSource(str(path), path.relative_to(folder).as_posix(), labels.index_of(name), split)
        for split, classes in found.items()
        for name, paths in classes.items()
        for path in paths
    ]
    clips.sort(key=lambda clip: clip.data_path)
    return ClipListing(tuple(clips), labels, dict(sorted(ignored.items())))


def _parts(folder):
    """Returns the folder of each split, under None where there are no splits."""
    subfolders = _subfolders(folder)
    train = subfolders.get("train")
    if train is None or not _subfolders(train) or not set(subfolders) <= set(_SPLIT_FOLDERS):
        return {None: folder}
    if set(subfolders) == {"train"}:
        return {None: train}
    if {"val", "validation"} <= set(subfolders):
        raise DataError(
            f"A data set must have one validation part. Received `{folder}` with both `val` "
            "and `validation`. Rename or remove one."
        )
    return {_SPLIT_FOLDERS[name]: path for name, path in subfolders.items()}


def _check_classes(folder, parts, found, training):
    train_folder = parts.get("train", parts.get(None))
    if not training:
        loose = sum(path.suffix.lower() in VIDEO_EXTENSIONS for path in train_folder.iterdir())
        holds = f"{loose} videos and no folder" if loose else "no folder"
        raise DataError(
            f"The videos must be in {_LAYOUT}. Received `{train_folder}`, which holds {holds}."
        )
    without = [name for name, paths in training.items() if not paths]
    if without:
        raise DataError(
            "Every class must have at least one clip to learn it from. Received "
            f"{len(without)} of {len(training)} class folders in `{train_folder}` without a "
            f"video file: {_quoted(without)}. Add clips, or remove the folders. Extensions that "
            f"count as video: {' '.join(sorted(VIDEO_EXTENSIONS))}."
        )
    unknown = sorted({name for classes in found.values() for name in classes} - set(training))
    if unknown:
        raise DataError(
            "Every class must be in the train part. Received classes that are only in other "
            f"parts of `{folder}`: {_quoted(unknown)}. Add training clips, or remove the folders."
        )
    if len(training) < 2:
        raise DataError(
            "There must be at least two classes to tell apart. Received one in "
            f"`{train_folder}`: {_quoted(training)}. Give the folder that holds the class folders."
        )


def _subfolders(folder):
    children = sorted(folder.iterdir())
    return {path.name: path for path in children if path.is_dir() and path.name[0] != "."}


def _find_videos(folder, ignored):
    videos = []
    for parent, folders, files in os.walk(folder, followlinks=True):
        folders[:] = sorted(name for name in folders if name[0] != ".")
        for name in sorted(name for name in files if name[0] != "."):
            path = pathlib.Path(parent, name)
            try:
                str(path).encode()
            except UnicodeEncodeError as error:
                raise DataError(
                    f"The name of a file must be UTF-8 text. Received {os.fsencode(path)!r}. "
                    "Rename it."
                ) from error
            if path.suffix.lower() in VIDEO_EXTENSIONS:
                videos.append(path)
            else:
                ignored[path.suffix.lower() or "no extension"] += 1
    return videos


def _quoted(names, limit=10):
    names = sorted(names)
    rest = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(f"`{name}`" for name in names[:limit]) + rest
