"""Reads the lines of a list of clips: fields, a header, parts of videos, numbers of frames."""

import csv
import dataclasses
import math
import os
import pathlib
import posixpath
import re

from gsf_tf.data.listing.video_folder import VIDEO_EXTENSIONS
from gsf_tf.data.video.frame_folder import FRAME_NAME
from gsf_tf.data.video.image_file import is_image
from gsf_tf.errors import DataError

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?|[+-]?(nan|inf|infinity)", re.IGNORECASE)

# Longer than any path that a file system takes, and fewer digits than Python makes a number of.
_MAX_FIELD = 4096

# What the first field of a header says, without spaces, hyphens and underscores.
_HEADER = re.compile(
    r"(rel(ative)?|abs(olute)?|full)?"
    r"((video|clip|image|img|frame|file|youtube|yt|sample)s?(path|file|name|id|dir|folder|url)?"
    r"|path|filename|name|id|dir|directory|folder|url)s?",
    re.IGNORECASE,
)


@dataclasses.dataclass(frozen=True, slots=True)
class ListLine:
    """A line of a list.

    Attributes:
        file: The list.
        number: Number of the line, from 1.
        path: The path, relative to the folder of the videos, without `.` and `..`.
        part: Start and end of the part of the video as they are written, in seconds; or empty.
        labels: The labels as they are written, one for each task.
        split: `train`, `val` or `None`.
        frames: Number of the first frame and number of frames, for a part of a folder of frames.
    """

    file: str
    number: int
    path: str
    part: tuple[str, ...]
    labels: tuple[str, ...]
    split: str | None
    frames: tuple[int, int] | None = None

    @property
    def where(self) -> str:
        """File and number of the line, for messages."""
        return f"{self.file}, line {self.number}"

    @property
    def data_path(self) -> str:
        """The name of the clip."""
        if self.frames is not None:
            first, count = self.frames
            return f"{self.path}#{first}-{first + count - 1}"
        return f"{self.path}#{'-'.join(self.part)}" if self.part else self.path

    @property
    def identity(self) -> str | tuple:
        """What two lines share if they name the same clip, however they write it."""
        if not self.part and self.frames is None:
            return self.path
        return self.path, *map(float, self.part), *(self.frames or ())


def is_number(label: str) -> bool:
    """Returns whether a label is a number of any kind, also negative, fractional or infinite."""
    return _NUMBER.fullmatch(label) is not None


def read_list(
    name: str,
    path: str | os.PathLike,
    folder: pathlib.Path,
    split: str | None,
    num_labels: int,
) -> tuple[list[ListLine], list[str]]:
    """Reads a list.

    Args:
        name: The argument that has passed the list, for messages.
        path: The list.
        folder: The folder that the paths are relative to.
        split: The split of all clips.
        num_labels: Number of labels of each line.

    Returns:
        The lines; and notes, such as that the first line is a header.

    Raises:
        DataError: If the file is missing or empty, a line has another form, or a number of frames
            is not that of the folder of frames.
    """
    # Not `splitlines`, which divides lines at characters that names may hold.
    lines = {
        number: line
        for number, line in enumerate(_read_text(name, path).split("\n"), start=1)
        if not _is_blank(line) and not _is_comment(line, folder)
    }
    for number, line in lines.items():
        _check_line(line, path, number)
    notes = []
    if lines and _is_header(list(lines.values()), folder, num_labels):
        number = next(iter(lines))
        line = lines.pop(number)
        notes.append(f"A header, which is left out: {line.strip()!r} at {path}, line {number}")
    if not lines:
        raise DataError(
            f"The list of clips must hold at least one line. Received: {name}={str(path)!r}, which "
            "holds none. A line is a path, a space or tab, and a label."
        )
    read, contradictions, from_zero, known = [], [], [], {}
    file, above = str(path), os.path.abspath(folder).rstrip("/") + "/"
    for number, line in lines.items():
        where = f"{file}, line {number}"
        fields = _split_fields(line, folder)
        clip, numbers, labels = _read_fields(fields, folder, line, where, num_labels)
        seconds, frames = (), None
        if numbers and isinstance(numbers[0], int):
            frames, contradiction, counts_from_zero = _frames(folder / clip, numbers, where)
            contradictions += contradiction
            from_zero += [where] if counts_from_zero else []
        else:
            seconds = numbers
        clip = _normalize(clip, folder, above)
        # The lines of a class share its name.
        labels = known.setdefault(labels, labels)
        read.append(ListLine(file, number, clip, seconds, labels, split, frames))
    if contradictions:
        raise DataError(
            "The number of frames in a line must be that of the files in its folder of frames "
            "(00001.jpg, ...); with the first frame before it, all frames of the part must be "
            f"there. Received: {len(contradictions)} lines with another number: "
            f"{'; '.join(contradictions[:3])}. Unpack the frames again or correct the list."
        )
    parts = [line for line in read if line.frames is not None]
    if from_zero and parts:
        raise DataError(
            "The start of a folder of frames or a part of one must be the number of its first "
            f"frame. Received: start=0 at {from_zero[0]}, where the first frame is number 1, and "
            f"the part {parts[0].data_path!r} at {parts[0].where}. If the list counts frames from "
            "0, add 1 to each start."
        )
    return read, notes


def _read_text(name, path):
    try:
        return pathlib.Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(
            f"The list of clips must be a file. Received: {name}={str(path)!r}: {error.strerror}"
        ) from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"The list of clips must be UTF-8 text. Received: {name}={str(path)!r}, which is not"
        ) from error


def _is_blank(line):
    """Returns whether no field of a line holds anything."""
    return not line.replace('"', "").replace(",", "").strip()


def _check_line(line, path, number):
    if _is_absurd(line):
        raise DataError(
            f"A line of the list must be text with fields of at most {_MAX_FIELD} characters. "
            f"Received: a line of {len(line)} characters, {line[:40]!r} ..., at {path}, line "
            f"{number}. Name a list of clips."
        )


def _is_absurd(line):
    if "\0" in line:
        return True
    if len(line) <= _MAX_FIELD:
        return False
    longest = max(map(len, re.split(r"[\t, ]", line)))
    return longest > _MAX_FIELD or len(line) > 10 * _MAX_FIELD


def _split_fields(line, folder):
    """Returns the fields, which tabs, commas (if the path ends at one) or spaces separate."""
    if "\t" in line:
        return _fields(line, "\t")
    by_comma = _fields(line, ",") if "," in line else []
    by_space = _fields(line, " ")
    if len(by_comma) > 1:
        if _has_clip_extension(by_comma[0]) or len(by_space) == 1 or by_space[0].endswith(","):
            return by_comma
        # A second name in quotes begins there, if this is not the name of a clip.
        if ',"' in by_space[0] and not _has_clip_extension(by_space[0]):
            return by_comma
        if not _has_clip_extension(by_space[0]) and os.path.exists(folder / by_comma[0]):
            return by_comma
    return by_space


def _is_comment(line, folder):
    """Returns whether a line begins with `#`, which may also begin the name of a file."""
    if not line.startswith("#"):
        return False
    return _is_absurd(line) or not os.path.exists(folder / _split_fields(line, folder)[0])


def _fields(line, delimiter):
    fields = line.split(delimiter)
    if '"' in line:
        fields = next(csv.reader([line.strip()], delimiter=delimiter, skipinitialspace=True))
    return [field.strip() for field in fields if field.strip()]


def _has_clip_extension(path):
    return os.path.splitext(path)[1].lower() in VIDEO_EXTENSIONS or is_image(path)


def _is_header(lines, folder, num_labels):
    """Returns whether the first line names columns instead of a clip and its label."""
    first, others = _split_fields(lines[0], folder), lines[1:]
    if not others or any(map(_has_clip_extension, first)) or os.path.exists(folder / first[0]):
        return False
    if any(map(is_number, first[1:])):
        return False
    if len(first) > 1 and _HEADER.fullmatch(re.sub(r"[\s_-]", "", first[0])):
        return True
    others = [_split_fields(line, folder) for line in others]
    numbered = all(len(fields) > num_labels and fields[-1].isdecimal() for fields in others)
    return numbered or all(_has_clip_extension(fields[0]) for fields in others)


def _read_fields(fields, folder, line, where, num_labels):
    """Returns path, numbers and labels; numbers of frames are int, seconds are as written."""
    path, between, labels = fields[0], tuple(fields[1:-num_labels]), tuple(fields[-num_labels:])
    numbers = len(between) in (1, 2) and all(field.isdecimal() for field in between)
    if len(fields) > num_labels and numbers and _is_folder(folder / path):
        return path, tuple(map(int, between)), labels
    if len(fields) not in (1 + num_labels, 3 + num_labels):
        names = "a label" if num_labels == 1 else f"{num_labels} labels"
        raise DataError(
            f"A line of the list must be a path and {names}, separated by spaces, tabs or commas, "
            "and may have start and end in seconds after the path, or, for a folder of frames, the "
            "number of frames or the first frame and that number. Names with spaces need tabs or "
            f"double quotes. Received: {line!r} at {where}"
        )
    if between:
        _check_part(between, line, where)
    return path, between, labels


def _is_folder(path):
    """Returns whether a path is a folder of frames, by its name if it does not exist."""
    return os.path.isdir(path) or not (_has_clip_extension(path) or os.path.exists(path))


def _frames(folder, numbers, where):
    """Reads `[start] num_frames`.

    Returns:
        Number of the first frame and number of frames, or None for a whole folder; in a list, what
        contradicts the files in the folder; and whether the line counts from 0, unlike the files.
    """
    start, count = (None, *numbers)[-2:]
    received = f"start={start}, num_frames={count}" if len(numbers) > 1 else f"num_frames={count}"
    if start is not None and count == 0:
        return None, [f"{received} at {where}"], False
    try:
        names = os.listdir(folder)
    except OSError:
        # Like any other clip that cannot be read, it is quarantined when its turn comes.
        return (None if start is None else (start, count)), [], False
    found = {int(match[1]) for name in names if (match := FRAME_NAME.fullmatch(name))}
    first, last = min(found, default=0), max(found, default=-1)
    if count == len(found) and start in (None, 0, 1, first):
        return None, [], start == 0 < first
    if start is not None and first <= start and start + count - 1 <= last:
        if all(number in found for number in range(start, start + count)):
            return (start, count), [], False
    return None, [f"{received} for {len(found)} files in {str(folder)!r} at {where}"], False


def _check_part(part, line, where):
    try:
        start, end = map(float, part)
    except ValueError:
        start, end = math.nan, math.nan
    if not 0 <= start < end < math.inf:
        raise DataError(
            "Start and end of a clip must be seconds, 0 <= start < end. Received: "
            f"start={part[0]!r}, end={part[1]!r} in {line!r} at {where}"
        )


def _normalize(path, folder, above):
    """Returns a path without `.`, `..` and double slashes, relative to the folder if below it.

    `above` is the absolute path of the folder and a slash.
    """
    normal = posixpath.normpath(path)
    if ".." in path and ".." in path.split("/"):
        # Behind a link to a folder, `..` is another folder than the one before it.
        if os.path.realpath(folder / normal) != os.path.realpath(folder / path):
            return path
    if normal.startswith("//"):
        normal = normal[1:]
    return normal.removeprefix(above)
