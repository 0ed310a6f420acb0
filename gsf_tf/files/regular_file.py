"""Reading of files that somebody else may have put there."""

import collections
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


class NotRegularError(OSError):
    """A path of something that is no regular file: a phrase that says what it is."""


def open_regular(path: str | os.PathLike) -> BinaryIO:
    """Opens a regular file for reading, and nothing else: reading a named pipe may never end.

    Args:
        path: Path of the file. A link to a regular file is one.

    Returns:
        The file, opened in binary.

    Raises:
        OSError: If there is no such file, or it cannot be read.
        NotRegularError: If it is a folder, a named pipe, a socket or a device.
        ValueError: If the path holds a null byte.
    """
    # Before it is opened, because opening alone can wait, or move a tape.
    _check_kind(os.stat(path))
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        _check_kind(os.fstat(descriptor))  # It may be another one by now.
        return open(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def _check_kind(status):
    mode = status.st_mode
    if not stat.S_ISREG(mode):
        kind = next((name for is_kind, name in _KINDS if is_kind(mode)), "a device")
        raise NotRegularError(f"it is {kind}, not a regular file")


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


def parse_json(text: str | bytes, strict: bool = False) -> Any:
    """Parses JSON.

    Args:
        text: The text; bytes are UTF-8.
        strict: Refuse also what Python's `json` reads beyond the standard, or in one of several
            ways: NaN and infinities, a key that is twice in an object, and halves of characters,
            which no file name or terminal can hold.

    Raises:
        ValueError: If the text is not JSON, not UTF-8 or nested too deeply.
    """
    text = text.decode("utf-8") if isinstance(text, bytes) else text
    hooks = {"object_pairs_hook": _without_repeats, "parse_constant": _refuse} if strict else {}
    try:
        value = json.loads(text, **hooks)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    check_nesting(value)
    if strict:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    return value


def _without_repeats(pairs):
    values = dict(pairs)
    if len(values) < len(pairs):
        repeated, _ = collections.Counter(key for key, _ in pairs).most_common(1)[0]
        raise ValueError(f"a key is there twice: {repeated!r:.80}")
    return values


def _refuse(text):
    raise ValueError(f"one of its numbers is {text}, which is not finite")
