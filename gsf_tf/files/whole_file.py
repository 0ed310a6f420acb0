"""Writing of files that are either complete or not there, and reading of small files."""

import contextlib
import os
import uuid
from collections.abc import Iterator

import tensorflow as tf

from gsf_tf.errors import DataError, UserError
from gsf_tf.files.regular_file import MAX_SMALL_BYTES, read_regular

INCOMPLETE = ".incomplete"


@contextlib.contextmanager
def reports_write_errors(path: str | os.PathLike, argument: str) -> Iterator[None]:
    """Turns the system's errors in a `with` block that writes files into one `UserError`.

    Such errors are a full disk, a read-only file system, a file where a folder should be, and a
    limit of the size of files.

    Args:
        path: What is written, a file or folder.
        argument: Name of the argument that the user gave it as.

    Raises:
        UserError: For an `OSError` or an error of TensorFlow in the block.
    """
    try:
        yield
    except (OSError, tf.errors.OpError) as error:
        raise UserError(
            f"`{argument}` must be a place that can be written and has room. Received: {path} "
            f"({write_error_reason(error)}). What was complete before is intact; make room, or "
            "name another place, and give the same command again."
        ) from error


def write_error_reason(error: Exception) -> str:
    """Returns the reason of an `OSError` or an error of TensorFlow, in a line."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:300]


def write_whole_file(path: str | os.PathLike, text: str) -> None:
    """Writes a text file under a temporary name and renames it.

    Args:
        path: Final name of the file, on any file system that `tf.io.gfile` knows.
        text: The whole content, which is encoded as UTF-8.

    Raises:
        tf.errors.OpError: If the file cannot be written. A file that `path` named before stays as
            it was, and no part of the new one is left.
    """
    with _renamed_at_the_end(os.fspath(path)) as incomplete:
        with tf.io.gfile.GFile(incomplete, "w") as file:
            # In one piece: without a single `write`, GFile would not make the file at all.
            file.write(text)


def read_small_file(path: str | os.PathLike) -> bytes:
    """Reads a file that is small where it is what it should be.

    Args:
        path: The file, on any file system that `tf.io.gfile` knows.

    Raises:
        DataError: If it is no regular file, has more than 64 MiB, or is local and cannot be read.
        tf.errors.NotFoundError: If it does not exist.
        tf.errors.OpError: If it is in an object store and cannot be read.
    """
    path = os.fspath(path)
    try:
        if "://" not in path:
            return read_regular(path)
        length = tf.io.gfile.stat(path).length
        if length > MAX_SMALL_BYTES:
            raise ValueError(f"it has {length} bytes")
        with tf.io.gfile.GFile(path, "rb") as file:
            return file.read()
    except FileNotFoundError as error:
        raise tf.errors.NotFoundError(None, None, str(error)) from error
    except (OSError, ValueError) as error:
        raise DataError(
            f"A description must be a file that can be read, of at most {MAX_SMALL_BYTES} bytes. "
            f"Received: path={path!r} ({error}). It is another file, or a damaged one."
        ) from error


def refresh_copy(path: str, copy: str, length: int) -> None:
    """Copies a file under a temporary name and renames it, unless a copy of its length is there.

    Several threads and processes may make the same copy.

    Args:
        path: The file, of any file system that `tf.io.gfile` knows.
        copy: Final name of the copy; its folder is made.
        length: Bytes of the file.

    Raises:
        tf.errors.OpError: When the file cannot be read or the copy cannot be written.
    """
    if tf.io.gfile.exists(copy) and tf.io.gfile.stat(copy).length == length:
        return
    tf.io.gfile.makedirs(os.path.dirname(copy))
    with _renamed_at_the_end(copy) as incomplete:
        tf.io.gfile.copy(path, incomplete)


@contextlib.contextmanager
def _renamed_at_the_end(path):
    """Gives a temporary name; its file is renamed to `path`, or removed after an error."""
    incomplete = temporary_name(path)
    try:
        yield incomplete
        tf.io.gfile.rename(incomplete, path, overwrite=True)
    except BaseException:
        if tf.io.gfile.exists(incomplete):
            tf.io.gfile.remove(incomplete)
        raise


def temporary_name(path):
    return f"{path}.{uuid.uuid4().hex[:8]}{INCOMPLETE}"
