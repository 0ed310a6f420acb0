"""Opens the files of clips, and nothing but files."""

import contextlib
import os
from collections.abc import Iterator

from gsf_tf.data.video.clip_errors import describe
from gsf_tf.errors import VideoError
from gsf_tf.files.regular_file import NotRegularError, open_regular


@contextlib.contextmanager
def open_clip_file(path: str | os.PathLike) -> Iterator[int]:
    """Opens the regular file of a clip for reading; the value is its file descriptor.

    Args:
        path: The file.

    Raises:
        VideoError: If the path does not exist, is no regular file, or cannot be opened.
    """
    try:
        file = open_regular(path)
    except FileNotFoundError as error:
        raise VideoError(path, "the file does not exist") from error
    except NotRegularError as error:
        raise VideoError(path, str(error)) from error
    except (OSError, ValueError) as error:  # A name with a null byte is a ValueError.
        raise VideoError(path, f"the file cannot be opened ({describe(error)})") from error
    with file:
        yield file.fileno()
