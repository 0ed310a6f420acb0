"""Coarser groups of classes, read from a file."""

import csv
import os
from collections.abc import Sequence

from gsf_tf.errors import UserError, name_some


def read_class_groups(path: str | os.PathLike, class_names: Sequence[str]) -> list[str]:
    """Returns the group of each class, such as the ten of Something-Something's authors.

    Args:
        path: CSV file with a line per class, its name and its group: `Moving something up,Moving`.
            A name with a comma is in quotes. Lines of other classes are ignored.
        class_names: Names of the K classes.

    Returns:
        A list of K names of groups.

    Raises:
        UserError: If the file cannot be read, a line has no two columns, a class has two groups, or
            a class is missing.
    """
    groups = {}
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            for number, row in enumerate(csv.reader(file), 1):
                if row and not _add(groups, row):
                    raise UserError(
                        "A file of groups must have a class and its group in each line, and each "
                        f"class once. Received: line {number} of {path}: {','.join(row)[:200]!r}"
                    )
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(
            f"`groups` must be a CSV file of classes and groups. Received: {path} ({error})"
        ) from error
    missing = [name for name in class_names if name not in groups]
    if missing:
        raise UserError(
            f"A file of groups must have every class. Received: {path}, which lacks "
            f"{name_some([repr(name) for name in missing])}."
        )
    return [groups[name] for name in class_names]


def _add(groups, row):
    """Adds a line; returns whether it was right."""
    row = [value.strip() for value in row]
    if len(row) != 2 or not all(row) or groups.get(row[0], row[1]) != row[1]:
        return False
    groups[row[0]] = row[1]
    return True
