"""Reads annotation files; every error names the file and the line."""

import csv
import io
import json
import pathlib
from collections.abc import Iterator

from gsf_tf.data.listing.label_map import LabelMap
from gsf_tf.errors import DataError


def find_file(folder: pathlib.Path, *names: str) -> pathlib.Path:
    """Returns the path of the first of these names that is a file in `folder`.

    Raises:
        DataError: If `folder` holds none of the files.
    """
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise DataError(
        f"`annotations` must be a folder that holds `{'` or `'.join(names)}`. Received: "
        f"annotations={str(folder)!r}, which does not. Download the official annotations and pass "
        "their folder."
    )


def read_text(path: pathlib.Path) -> str:
    """Returns the text of a file, without a byte order mark.

    Raises:
        DataError: If the file cannot be read as UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"An annotation file must be UTF-8 text. Received: {str(path)!r}: {error}"
        ) from error


def read_lines(path: pathlib.Path) -> Iterator[tuple[str, str]]:
    """Yields (where, line) for each line that is not empty, stripped of outer spaces.

    `where` is the path and the number of the line, for messages.
    """
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if line.strip():
            yield f"{path}, line {number}", line.strip()


def read_table(path: pathlib.Path, *columns: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yields (where, row) for each row of a CSV file with a header.

    Args:
        path: The file.
        *columns: Names of columns that the file must have.

    Raises:
        DataError: If a column is missing in the header or in a row.
    """
    reader = csv.DictReader(io.StringIO(read_text(path)))
    absent = [name for name in columns if name not in (reader.fieldnames or ())]
    if absent:
        raise DataError(
            f"The first line of `{path}` must name the columns {', '.join(columns)}. Received: a "
            f"line without {', '.join(absent)}. Use the official file."
        )
    for row in reader:
        where = f"{path}, line {reader.line_num}"
        if any(row[name] is None for name in columns):
            raise DataError(
                f"A row must have a value for {', '.join(columns)}. Received: a shorter row at "
                f"{where}. Use the official file."
            )
        yield where, row


def read_json(path: pathlib.Path):
    """Returns the contents of a JSON file.

    Raises:
        DataError: If the file is not JSON.
    """
    try:
        return json.loads(read_text(path))
    except ValueError as error:
        raise DataError(
            f"An annotation file must be complete JSON. Received: {str(path)!r}: {error}. Download "
            "it again."
        ) from error


def read_entries(path: pathlib.Path, *keys: str) -> Iterator[tuple[str, tuple]]:
    """Yields (where, values of `keys`) for each object of a JSON list.

    Raises:
        DataError: If the file is not JSON or not a list, or an object lacks a key.
    """
    entries = read_json(path)
    if not isinstance(entries, list):
        raise DataError(
            f"The annotations must be a list of objects with {', '.join(keys)}. Received: "
            f"{str(path)!r}, which holds a {type(entries).__name__}. Use the official file."
        )
    for number, entry in enumerate(entries, start=1):
        where = f"{path}, entry {number}"
        if not isinstance(entry, dict) or not entry.keys() >= set(keys):
            raise DataError(
                f"An entry must be an object with {', '.join(keys)}. Received: {entry!r:.200} at "
                f"{where}. Use the official file."
            )
        yield where, tuple(entry[key] for key in keys)


def find_label(labels: LabelMap, name: str, where: str) -> int:
    """Returns the index of the class with a name.

    Raises:
        DataError: If the label map has no such class; the message holds `where`.
    """
    try:
        return labels.index_of(name)
    except DataError as error:
        raise DataError(f"{error} At {where}.") from error


def check_label(labels: LabelMap, value: str | int, where: str) -> int:
    """Returns the index of a class that is written as a number, counted from 0.

    Raises:
        DataError: If the label map has no such class; the message holds `where`.
    """
    text = str(value).strip()
    if not text.isdecimal() or int(text) >= len(labels):
        raise DataError(
            f"A label must be one of 0..{len(labels) - 1}, the indices of the label map. Received: "
            f"{value!r} at {where}"
        )
    return int(text)
