"""Which videos `gsf-tf predict` is asked about: files, folders, lists and patterns."""

import glob
import os
import sys

from . import cli


def list_videos(paths, lists, patterns):
    """Returns the paths of the videos, in the order in which they were given.

    Args:
        paths: Files and folders. A folder of numbered frames is one clip; of any other folder all
            videos, images and folders of frames in it are, sorted by name.
        lists: Text files with a path per line, `-` for standard input.
        patterns: Patterns of `glob.glob`; the paths that match are sorted by name.

    Raises:
        FlagError: If a list cannot be read, a pattern matches nothing, or there is no video.
    """
    paths = [*paths]
    for name in lists:
        paths += _read_list(name)
    for pattern in patterns:
        matches = sorted(glob.glob(pattern, recursive=True))
        if not matches:
            raise cli.FlagError(
                f"--glob must match a file. Received: --glob={pattern}, which matches none. Quote "
                "the pattern, so that the shell leaves it as it is."
            )
        paths += matches
    if not paths:
        raise cli.FlagError(
            "Give at least one video file after the flags, or --list or --glob. Received: none."
        )
    return [video for path in paths for video in (_in_folder(path) or [path])]


def _read_list(name):
    try:
        if name == "-":
            data = sys.stdin.buffer.read()
        else:
            with open(name, "rb") as file:
                data = file.read()
    except OSError as error:
        raise cli.FlagError(
            "--list must be a text file with the path of a video per line. "
            f"Received: --list={name} ({error})."
        ) from error
    lines = data.replace(b"\r\n", b"\n").split(b"\n")
    return [os.fsdecode(line) for line in lines if line]


def _in_folder(path):
    """Returns the clips in a folder; nothing for a file, or for a folder that has none."""
    if not os.path.isdir(path):
        return []
    # These need no TensorFlow, but importing gsf_tf does: only folders take the time here.
    from gsf_tf.data.listing.video_folder import VIDEO_EXTENSIONS
    from gsf_tf.data.video.frame_folder import FRAME_NAME
    from gsf_tf.data.video.image_file import IMAGE_EXTENSIONS

    clips = []
    for folder, subfolders, names in os.walk(path):
        subfolders.sort()
        if any(map(FRAME_NAME.fullmatch, names)):
            clips.append(folder)
            subfolders.clear()
            continue
        endings = VIDEO_EXTENSIONS | IMAGE_EXTENSIONS
        found = (name for name in names if os.path.splitext(name)[1].lower() in endings)
        clips += sorted(os.path.join(folder, name) for name in found)
    return clips
