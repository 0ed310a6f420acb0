"""Lists datasets that are stored as one folder of videos, images or frame folders per class."""

import collections
import os
import pathlib

from gsf_tf.data.listing.clip_listing import ClipListing
from gsf_tf.data.listing.clip_source import ClipSource
from gsf_tf.data.listing.label_map import LabelMap
from gsf_tf.data.video.frame_folder import FRAME_NAME
from gsf_tf.data.video.image_file import IMAGE_EXTENSIONS, is_image
from gsf_tf.errors import DataError

VIDEO_EXTENSIONS = frozenset(
    ".3gp .asf .avi .flv .gif .m2ts .m4v .mkv .mov .mp4 .mpeg .mpg .mts .ogv .ts .vob .webm "
    ".wmv".split()
)

VIDEOS, IMAGES, FOLDERS = "videos", "images", "folders of frames"

_SPLIT_FOLDERS = {"train": "train", "val": "val", "validation": "val", "test": "test"}

_LAYOUT = "one folder per class (FOLDER/CLASS/CLIP.mp4), or such folders in train/ and val/"

_KINDS = (
    "A clip is a video (CLASS/CLIP.mp4, at any depth), an image directly in the folder of its "
    "class (CLASS/CLIP.jpg), or a folder of frames below that (CLASS/CLIP/00001.jpg, ...)"
)


def list_video_folder(folder: str | os.PathLike, frame_rate: float | None = None) -> ClipListing:
    """Finds the clips of a folder that holds one folder per class.

    The layout is `folder/CLASS/...`, or `folder/train/CLASS/...` with folders `val` (or
    `validation`) and `test` beside `train`. The second layout is recognized if `folder` has a
    subfolder `train` that holds folders, and no subfolders but these. Classes are sorted by name.

    All clips must be of one kind. Videos may lie at any depth in the folder of their class. Images
    (JPEG or PNG) lie directly in the folder of their class, and each is a clip of one frame. A
    folder of frames, `00001.jpg`, `00002.jpg`, ..., may lie at any depth below the folder of its
    class. Files with other extensions are counted as ignored. Files and folders whose name starts
    with a dot are skipped.

    Args:
        folder: The folder.
        frame_rate: Frames per second of folders of frames, `None` if unknown.

    Returns:
        The clips with their label map. `split` is set in the second layout only.

    Raises:
        DataError: If the folder is missing or empty or has another layout, has fewer than two
            classes, has a class without a training clip, or holds clips of several kinds; or if
            `frame_rate` is given but the clips are not folders of frames.
    """
    folder = pathlib.Path(folder)
    if not folder.is_dir():
        problem = "is not a folder" if folder.exists() else "does not exist"
        raise DataError(
            f"The videos must be in {_LAYOUT}. Received: folder={str(folder)!r}, which {problem}"
        )
    split_folders = _split_folders(folder)
    ignored, examples = collections.Counter(), {}
    found = {
        split: {
            name: _find_clips(class_folder, ignored, examples)
            for name, class_folder in _subfolders(path).items()
        }
        for split, path in split_folders.items()
    }
    kind = _only_kind(examples)
    training = found.get("train", found.get(None))
    names = sorted(training)
    _check_classes(folder, split_folders, found, training)
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
    return ClipListing(tuple(clips), labels, dict(sorted(ignored.items())), kind=kind)


def _split_folders(folder):
    """Returns the folder of each split, or under the key None the folder without splits."""
    subfolders = _subfolders(folder)
    train = subfolders.get("train")
    if train is None or not _subfolders(train) or not set(subfolders) <= set(_SPLIT_FOLDERS):
        return {None: folder}
    if set(subfolders) == {"train"}:
        return {None: train}
    if {"val", "validation"} <= set(subfolders):
        raise DataError(
            f"A dataset must have one validation part. Received: folder={str(folder)!r}, which "
            "holds both `val` and `validation`. Rename or remove one."
        )
    return {_SPLIT_FOLDERS[name]: path for name, path in subfolders.items()}


def _check_classes(folder, split_folders, found, training):
    train_folder = split_folders.get("train", split_folders.get(None))
    if not training:
        names = [path.name for path in train_folder.iterdir()]
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
            f"{_quoted(without)}. Add clips, or remove the folders. Clips have the extensions "
            f"{' '.join(sorted(VIDEO_EXTENSIONS | IMAGE_EXTENSIONS))}."
        )
    unknown = sorted({name for classes in found.values() for name in classes} - set(training))
    if unknown:
        raise DataError(
            f"Every class must be in the train part. Received: folder={str(folder)!r} with classes "
            f"that are only in other parts: {_quoted(unknown)}. Add training clips, or remove the "
            "folders."
        )
    if len(training) < 2:
        raise DataError(
            "There must be at least two classes. Received: one class folder in "
            f"{str(train_folder)!r}, {_quoted(training)}. Pass the folder that holds the class "
            "folders."
        )


def _subfolders(folder):
    children = sorted(folder.iterdir())
    return {path.name: path for path in children if path.is_dir() and path.name[0] != "."}


def _find_clips(folder, ignored, examples):
    """Returns the clips of a class; adds the first one of each kind to `examples`."""
    clips = []
    for parent, folders, files in os.walk(folder, followlinks=True):
        folders[:] = sorted(name for name in folders if name[0] != ".")
        names = sorted(name for name in files if name[0] != ".")
        parent = pathlib.Path(parent)
        images = [name for name in names if is_image(name)]
        if images and parent != folder:
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
            elif parent == folder:
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
