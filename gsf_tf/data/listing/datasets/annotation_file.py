"""Reading of annotation files, with file and line in every message."""

import csv
import json
import pathlib
from collections.abc import Iterator

from gsf_tf.data.listing.label_map import LabelMap
from gsf_tf.errors import DataError


def find_file(folder: pathlib.Path, *names: str) -> pathlib.Path:
    """Returns the first of these files that is in `folder`.

    Raises:
        DataError: When none is.
    """
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise DataError(
        f"The annotations must hold `{'` or `'.join(names)}`. Received `{folder}`, which does not. "
        "Download the official annotations and give the folder that they are in."
    )


def read_text(path: pathlib.Path) -> str:
    """Returns the text of a file, without a byte order mark.

    Raises:
        DataError: When it cannot be read as UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"An annotation file must be text in UTF-8. Received `{path}`: {error}."
        ) from error


def read_lines(path: pathlib.Path) -> Iterator[tuple[str, str]]:
    """Yields (place, line) for each line that is not empty, ends stripped."""
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if line.strip():
            yield f"{path}, line {number}", line.strip()


def read_table(path: pathlib.Path, *columns: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yields (place, row) for each row of a CSV file with a header.

    Args:
        path: The file.
        *columns: Names that the header must have.

    Raises:
        DataError: When a column is missing, in the header or in a row.
    """
    reader = csv.DictReader(read_text(path).splitlines())
    absent = [name for name in columns if name not in (reader.fieldnames or ())]
    if absent:
        raise DataError(
            f"The first line of `{path}` must name the columns {', '.join(columns)}. Received one "
            f"without {', '.join(absent)}. Give the official file."
        )
    for row in reader:
        where = f"{path}, line {reader.line_num}"
        if any(row[name] is None for name in columns):
            raise DataError(
                f"A row must have a value for {', '.join(columns)}. Received a shorter one at "
                f"{where}. Give the official file."
            )
        yield where, row


def read_json(path: pathlib.Path):
    """Returns the contents of a JSON file.

    Raises:
        DataError: When it is damaged.
    """
    try:
        return json.loads(read_text(path))
    except ValueError as error:
        raise DataError(
            f"An annotation file must be whole. Received `{path}`, which is not JSON: {error}. "
            "Download it again."
        ) from error


def read_entries(path: pathlib.Path, *keys: str) -> Iterator[tuple[str, tuple]]:
    """Yields (place, values of `keys`) for each object of a JSON list.

    Raises:
        DataError: When the file is damaged, no list, or an object lacks a key.
    """
    entries = read_json(path)
    if not isinstance(entries, list):
        raise DataError(
            f"The annotations must be a list of objects with {', '.join(keys)}. Received `{path}`, "
            f"which holds a {type(entries).__name__}. Give the official file."
        )
    for number, entry in enumerate(entries, start=1):
        where = f"{path}, entry {number}"
        if not isinstance(entry, dict) or not entry.keys() >= set(keys):
            raise DataError(
                f"An entry must be an object with {', '.join(keys)}. Received {entry!r:.200} at "
                f"{where}. Give the official file."
            )
        yield where, tuple(entry[key] for key in keys)


def find_label(labels: LabelMap, name: str, where: str) -> int:
    """Returns the index of a class by its name.

    Raises:
        DataError: When there is no such class; the message holds `where`.
    """
    try:
        return labels.index_of(name)
    except DataError as error:
        raise DataError(f"{error} At {where}.") from error


def check_label(labels: LabelMap, value: str | int, where: str) -> int:
    """Returns the index of a class by its number, counted from 0.

    Raises:
        DataError: When there is no such class; the message holds `where`.
    """
    text = str(value).strip()
    if not text.isdecimal() or int(text) >= len(labels):
        raise DataError(
            f"A label must be one of 0..{len(labels) - 1}, the indices of the label map. Received "
            f"{value!r} at {where}."
        )
    return int(text)
