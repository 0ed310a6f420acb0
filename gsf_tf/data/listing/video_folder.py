"""Lists datasets that are stored as one folder of videos, images or frame folders per class."""

import collections
import os
import pathlib

from gsf_tf.data.listing.clip_listing import ClipListing
from gsf_tf.data.listing.clip_source import ClipSource
from gsf_tf.data.listing.folder_walk import FolderWalk, shown
from gsf_tf.data.listing.label_map import LabelMap
from gsf_tf.data.video.frame_folder import FRAME_NAME
from gsf_tf.data.video.image_file import IMAGE_EXTENSIONS, is_image
from gsf_tf.errors import DataError

VIDEO_EXTENSIONS = frozenset(
    ".3gp .asf .avi .flv .gif .m2ts .m4v .mkv .mov .mp4 .mpeg .mpg .mts .ogv .ts .vob .webm "
    ".wmv".split()
)

VIDEOS, IMAGES, FOLDERS = "videos", "images", "folders of frames"

# The names of folders of splits, in small letters.
_SPLIT_FOLDERS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "eval": "val",
    "test": "test",
    "testing": "test",
}

_LAYOUT = "one folder per class (FOLDER/CLASS/CLIP.mp4), or such folders in train/ and val/"

_SPLIT_NAMES = (
    "train or training; val, valid, validation, dev or eval; test or testing, in any capitals"
)

_KINDS = (
    "A clip is a video (CLASS/CLIP.mp4, at any depth), an image directly in the folder of its "
    "class (CLASS/CLIP.jpg), or a folder of frames below that (CLASS/CLIP/00001.jpg, ...)"
)


def list_video_folder(folder: str | os.PathLike, frame_rate: float | None = None) -> ClipListing:
    """Finds the clips of a folder that holds one folder per class.

    The layout is `folder/CLASS/...`, or `folder/train/CLASS/...` with `folder/val/CLASS/...` and
    perhaps `folder/test/CLASS/...` beside it. The train folder may also be called `training`, the
    val folder `valid`, `validation`, `dev` or `eval`, and the test folder `testing`, in any
    capitals. The clips of a test folder get the split `test`; they never become validation clips.
    Other folders beside those of splits, and class folders that all hold the same folders (as
    splits do), are refused. Classes are sorted by name.

    All clips must be of one kind. Videos may lie at any depth in the folder of their class. Images
    (JPEG or PNG) lie directly in the folder of their class, and each is a clip of one frame. A
    folder of frames, `00001.jpg`, `00002.jpg`, ..., may lie at any depth below the folder of its
    class. Files with other extensions are counted as ignored. Files and folders whose name starts
    with a dot are skipped, and so are folders of records. Links are followed, but each directory
    and each file is taken once (`FolderWalk`).

    Args:
        folder: The folder.
        frame_rate: Frames per second of folders of frames, `None` if unknown.

    Returns:
        The clips with their label map. `split` is set in the second layout only. `notes` name the
        folders that are splits, and what was left out.

    Raises:
        DataError: If the folder is missing or empty or has another layout, has fewer than two
            classes, has a class without a training clip, or holds clips of several kinds; or if
            `frame_rate` is given but the clips are not folders of frames.
    """
    folder = pathlib.Path(folder)
    if not os.path.isdir(folder):
        problem = "is not a folder" if os.path.exists(folder) else "does not exist"
        raise DataError(
            f"The videos must be in {_LAYOUT}. Received: folder={str(folder)!r}, which {problem}"
        )
    walk = FolderWalk(folder)
    split_folders, notes = _split_folders(walk)
    notes += walk.skipped
    ignored, examples = collections.Counter(), {}
    found = {
        split: {
            name: _find_clips(walk, (*parts, name), ignored, examples)
            for name in walk.subfolders(parts)
        }
        for split, parts in split_folders.items()
    }
    kind = _only_kind(examples)
    training = found.get("train", found.get(None))
    names = sorted(training)
    _check_classes(walk, split_folders, found, training)
    notes += _notes_on_parts(walk, split_folders, found)
    if frame_rate is not None and (kind != FOLDERS or frame_rate <= 0):
        raise DataError(
            "`frame_rate` must be above 0, and only folders of frames may have one. Received: "
            f"frame_rate={frame_rate} for the {kind} in {str(folder)!r}. Leave out `frame_rate`."
        )
    labels = LabelMap(names)
    clips = [
        ClipSource(
            str(path),
            path.relative_to(folder).as_posix(),
            labels.index_of(name),
            split,
            frame_rate=frame_rate,
        )
        for split, classes in found.items()
        for name, paths in classes.items()
        for path in paths
    ]
    clips.sort(key=lambda clip: clip.data_path)
    ignored = dict(sorted(ignored.items()))
    return ClipListing(tuple(clips), labels, ignored, kind=kind, notes=tuple(notes))


def _split_folders(walk):
    """Returns the folder of each split, or under the key None the folder without splits; notes."""
    root, names = walk.path(()), walk.subfolders()
    parts = [
        name for name in names if name.casefold() in _SPLIT_FOLDERS and walk.subfolders((name,))
    ]
    by_split = collections.defaultdict(list)
    for name in parts:
        by_split[_SPLIT_FOLDERS[name.casefold()]].append(name)
    flat = [name for name in names if name not in parts]
    if "train" in by_split:
        # A part without class folders belongs to the layout, and is complained of later.
        for name in [name for name in flat if name.casefold() in _SPLIT_FOLDERS]:
            flat.remove(name)
            by_split[_SPLIT_FOLDERS[name.casefold()]].append(name)
    if names and len(by_split["train"]) == len(names) == 1:
        note = f"`{names[0]}` is the only folder: its folders are the classes"
        return {None: (names[0],)}, [note]
    if len(parts) < 2 and ("train" not in by_split or flat):
        return {None: ()}, []
    without_clips = [name for name in flat if not _holds_clips(walk, name)]
    flat = [name for name in flat if name not in without_clips]
    if flat or not by_split["train"]:
        received = f"{_quoted(flat)} beside them" if flat else "no train folder"
        raise DataError(
            f"Folders of splits ({_SPLIT_NAMES}) must include one for training, and no other "
            f"folders may lie beside them. Received: folder={str(root)!r} with {_quoted(parts)} "
            f"and {received}. Rename or move the folders."
        )
    for split, twins in by_split.items():
        if len(twins) > 1:
            part = {"train": "training", "val": "validation", "test": "test"}[split]
            raise DataError(
                f"A dataset must have one {part} part. Received: folder={str(root)!r}, which holds "
                f"both {' and '.join(f'`{name}`' for name in sorted(twins))}. Rename one, or move "
                "it elsewhere."
            )
    order = [split for split in ("train", "val", "test") if by_split[split]]
    listed = ", ".join(f"`{by_split[split][0]}` is {split}" for split in order)
    notes = [f"The folders are splits: {listed}"]
    notes += [f"`{shown((name,))}` is left out: it holds no clips" for name in without_clips]
    if "val" not in order:
        notes.append(
            "There is no validation part, because a test folder never becomes one. Rename "
            f"`{by_split['test'][0]}` to val if it is to be"
        )
    return {split: (by_split[split][0],) for split in order}, notes


def _notes_on_parts(walk, split_folders, found):
    """Checks the parts beside the training clips; returns notes on what no class has."""
    notes = []
    for split, parts in split_folders.items():
        loose = [name for name in walk.folders[parts] if _is_clip(name)]
        if loose:
            notes.append(
                f"Left out because of lying in no class folder: {len(loose)} clips directly in "
                f"{str(walk.path(parts))!r}, such as `{shown((loose[0],))}`"
            )
        if split == "val" and not any(found[split].values()):
            raise DataError(
                "The validation part must have at least one clip. Received: no clip in the class "
                f"folders of {str(walk.path(parts))!r}. Add clips in folders of their classes, or "
                "move the folder elsewhere; then a share of the training clips can be held back."
            )
    if None in split_folders:
        _check_that_they_are_no_splits(walk, split_folders[None])
    return notes


def _check_that_they_are_no_splits(walk, parts):
    names = walk.subfolders(parts)
    inside = {tuple(walk.subfolders((*parts, name))) for name in names}
    if len(names) > 1 and len(inside) == 1 and len(common := inside.pop()) > 1:
        raise DataError(
            "Folders of classes must not all hold the same folders, because those look like "
            f"splits with the classes inside. Received: {str(walk.path(parts))!r} with "
            f"{_quoted(names)}, each of which holds {_quoted(common)}. Name the folders of splits "
            f"as follows: {_SPLIT_NAMES}. If they are classes after all, list the clips with their "
            "labels in a text file (`list_annotated_videos`)."
        )


def _holds_clips(walk, name):
    return any(
        parts[:1] == (name,) and any(map(_is_clip, files)) for parts, files in walk.folders.items()
    )


def _is_clip(name):
    return pathlib.Path(name).suffix.lower() in VIDEO_EXTENSIONS or is_image(name)


def _check_classes(walk, split_folders, found, training):
    folder, train_parts = walk.path(()), split_folders.get("train", split_folders.get(None))
    train_folder = walk.path(train_parts)
    if not training:
        names = walk.folders[train_parts]
        videos = sum(pathlib.Path(name).suffix.lower() in VIDEO_EXTENSIONS for name in names)
        images = sum(map(is_image, names))
        loose = [f"{count} {kind}" for count, kind in ((videos, VIDEOS), (images, IMAGES)) if count]
        holds = " and ".join([*loose, "no folder"])
        raise DataError(
            f"The videos must be in {_LAYOUT}. Received: folder={str(train_folder)!r}, which holds "
            f"{holds}"
        )
    without = [name for name, paths in training.items() if not paths]
    if without:
        raise DataError(
            f"Every class must have at least one training clip. Received: {len(without)} of "
            f"{len(training)} class folders in {str(train_folder)!r} without a clip: "
            f"{_quoted(without)}. Add clips, or move the folders elsewhere. Clips have the "
            f"extensions {' '.join(sorted(VIDEO_EXTENSIONS | IMAGE_EXTENSIONS))}."
        )
    unknown = sorted({name for classes in found.values() for name in classes} - set(training))
    if unknown:
        raise DataError(
            f"Every class must be in the train part. Received: folder={str(folder)!r} with classes "
            f"that are only in other parts: {_quoted(unknown)}. Add training clips, or move the "
            "folders elsewhere."
        )
    if len(training) < 2:
        raise DataError(
            "There must be at least two classes. Received: one class folder in "
            f"{str(train_folder)!r}, {_quoted(training)}. Pass the folder that holds the class "
            "folders."
        )


def _find_clips(walk, class_parts, ignored, examples):
    """Returns the clips of a class; adds the first one of each kind to `examples`."""
    clips, waiting = [], [class_parts]
    while waiting:
        parts = waiting.pop()
        waiting += [(*parts, name) for name in reversed(walk.subfolders(parts))]
        parent, names = walk.path(parts), walk.folders[parts]
        images = [name for name in names if is_image(name)]
        if images and parts != class_parts:
            _check_frames(parent, images)
            clips.append(_text_path(parent))
            examples.setdefault(FOLDERS, parent)
        for name in names:
            path = _text_path(parent / name)
            if path.suffix.lower() in VIDEO_EXTENSIONS:
                clips.append(path)
                examples.setdefault(VIDEOS, path)
            elif not is_image(name):
                ignored[path.suffix.lower() or "no extension"] += 1
            elif parts == class_parts:
                clips.append(path)
                examples.setdefault(IMAGES, path)
    return clips


def _check_frames(folder, images):
    wrong = [name for name in images if not FRAME_NAME.fullmatch(name)]
    if wrong:
        raise DataError(
            f"{_KINDS}. Received: {str(folder / wrong[0])!r}, an image that is neither directly in "
            "the folder of a class nor named like a frame. Move the images of a class directly "
            "into its folder, or name the frames of a clip by their numbers (JPEG)."
        )


def _only_kind(examples):
    if len(examples) > 1:
        received = ", ".join(f"{kind} (`{path}`)" for kind, path in examples.items())
        raise DataError(
            f"All clips must be of one kind. {_KINDS}. Received: {received}. Keep one kind."
        )
    return next(iter(examples), VIDEOS)


def _text_path(path):
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise DataError(
            f"The name of a file must be UTF-8 text. Received: {os.fsencode(path)!r}. Rename it."
        ) from error
    return path


def _quoted(names, limit=10):
    names = sorted(names)
    rest = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(f"`{name}`" for name in names[:limit]) + rest
