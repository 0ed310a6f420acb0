"""Opens the files of clips, and nothing but files."""

import contextlib
import os
import stat
from collections.abc import Iterator

from gsf_tf.data.video.clip_errors import describe
from gsf_tf.errors import VideoError


@contextlib.contextmanager
def open_regular_file(path: str | os.PathLike) -> Iterator[int]:
    """Opens a regular file for reading; the value is its file descriptor.

    A fifo, a socket, a device or a folder is refused before it is opened, because opening alone can
    wait forever or move a tape.

    Args:
        path: The file.

    Raises:
        VideoError: If the path does not exist, is no regular file, or cannot be opened.
    """
    try:
        _check(path, os.stat(path))
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError as error:
        raise VideoError(path, "the file does not exist") from error
    except VideoError:
        raise
    except (OSError, ValueError) as error:  # A name with a null byte is a ValueError.
        raise VideoError(path, f"the file cannot be opened ({describe(error)})") from error
    try:
        # It may be another one by now.
        _check(path, os.fstat(file))
        yield file
    finally:
        os.close(file)


def _check(path, status):
    if not stat.S_ISREG(status.st_mode):
        raise VideoError(path, "it is not a regular file")
