"""Paths that TensorFlow takes as they are: names may hold `[ ] * ? \\` and are no patterns."""

import contextlib
import os
import pathlib
import re
import tempfile
from collections.abc import Callable, Iterator

from gsf_tf.errors import DataError

# `]` alone is no pattern.
_SPECIAL = re.compile(r"[\[*?\\]")


def check_path(name: str, path: str | os.PathLike) -> None:
    """Checks that TensorFlow can open a path, which it takes as UTF-8 text.

    Args:
        name: The argument that has passed the path, for the message.
        path: The path.

    Raises:
        DataError: If it is not UTF-8 text.
    """
    try:
        os.fspath(path).encode()
    except UnicodeEncodeError as error:
        raise DataError(
            f"`{name}` must be a path of UTF-8 text, because TensorFlow opens no other. Received: "
            f"{os.fsencode(path)!r}. Rename the folder, or choose another."
        ) from error


def escape(path: str) -> str:
    """Returns the pattern of `tf.io.gfile.glob` that matches a path and nothing else."""
    return _SPECIAL.sub(lambda match: "\\\\" if match[0] == "\\" else f"[{match[0]}]", path)


def with_literal_folders(pattern: str, exists: Callable[[str], bool]) -> str:
    """Returns a pattern in which names that exist as they are written stand for themselves.

    In `runs [1]/records/train-*`, beside a folder `runs [1]`, only the star remains a star. Behind
    the first name that does not exist, all are patterns.

    Args:
        pattern: A pattern of `tf.io.gfile.glob`.
        exists: Tells of a path whether it exists, such as `tf.io.gfile.exists`.
    """
    parts = pattern.split("/")
    literal = 0
    for count, part in enumerate(parts, start=1):
        if _SPECIAL.search(part) and not exists("/".join(parts[:count])):
            break
        literal = count
    return "/".join([*map(escape, parts[:literal]), *parts[literal:]])


def list_folder(folder: str | os.PathLike) -> list[str]:
    """Returns the names in a folder of any file system that TensorFlow knows.

    `tf.io.gfile.listdir` fails in a local folder where one name is not UTF-8.
    """
    if "://" not in os.fspath(folder):
        return os.listdir(folder)
    # Imported here because decoding processes import this file and must not load TensorFlow.
    import tensorflow as tf

    return tf.io.gfile.listdir(folder)


@contextlib.contextmanager
def plain_path(folder: str | os.PathLike) -> Iterator[pathlib.Path]:
    """Gives a path of a folder without the characters of patterns, for reading what is inside.

    TensorFlow's readers of checkpoints and SavedModels take the path for a pattern, so they find
    nothing in a folder such as `run [1]`. There the path given is a link, which is removed at the
    end; of other folders it is the path itself.

    Args:
        folder: A local folder that exists.
    """
    if not _SPECIAL.search(os.fspath(folder)):
        yield pathlib.Path(folder)
        return
    with tempfile.TemporaryDirectory(prefix="gsf_tf-") as scratch:
        link = pathlib.Path(scratch, "link")
        link.symlink_to(os.path.abspath(folder), target_is_directory=True)
        yield link
