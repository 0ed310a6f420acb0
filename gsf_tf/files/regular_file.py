"""Reading of files that somebody else may have put there."""

import json
import os
import stat
from typing import Any, BinaryIO

from gsf_tf.files.nesting import check_nesting

# The largest file that is read whole; descriptions of data sets have at most some 10 MB.
MAX_SMALL_BYTES = 2**26

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
)


def open_regular(path: str | os.PathLike) -> BinaryIO:
    """Opens a regular file for reading, and nothing else: reading a named pipe may never end.

    Args:
        path: Path of the file. A link to a regular file is one.

    Returns:
        The file, opened in binary.

    Raises:
        OSError: If there is no such file, it cannot be read, or it is a folder, a named pipe, a
            socket or a device.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            kind = next((name for is_kind, name in _KINDS if is_kind(mode)), "a device")
            raise OSError(f"it is {kind}, not a file")
        return open(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_regular(path: str | os.PathLike) -> bytes:
    """Reads a regular file that is small where it is what it should be.

    Args:
        path: Path of a regular file, at most 2^26 bytes.

    Raises:
        OSError: As `open_regular`.
        ValueError: If the file is longer.
    """
    with open_regular(path) as file:
        data = file.read(MAX_SMALL_BYTES + 1)
    if len(data) > MAX_SMALL_BYTES:
        raise ValueError(f"it has more than {MAX_SMALL_BYTES} bytes")
    return data


def read_json(path: str | os.PathLike) -> Any:
    """Reads a JSON file.

    Args:
        path: Path of a regular file, UTF-8, at most 2^26 bytes.

    Raises:
        OSError: As `open_regular`.
        ValueError: If the content is not JSON, not UTF-8, too long or nested too deeply.
    """
    return parse_json(read_regular(path))


def parse_json(text: str | bytes) -> Any:
    """Parses JSON.

    Raises:
        ValueError: If the text is not JSON, not UTF-8 or nested too deeply.
    """
    try:
        value = json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    check_nesting(value)
    return value
