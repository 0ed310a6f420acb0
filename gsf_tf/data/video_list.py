"""Data sets that are a text file of paths and labels."""

import csv
import os
import pathlib

from gsf_tf.data.clip_listing import ClipListing
from gsf_tf.data.clip_source import ClipSource
from gsf_tf.data.data_error import DataError
from gsf_tf.data.label_map import LabelMap


def list_annotated_videos(
    folder: str | os.PathLike,
    annotations: str | os.PathLike,
    *,
    val_annotations: str | os.PathLike | None = None,
    labels: LabelMap | None = None,
) -> ClipListing:
    """Reads the clips of a `path label` list.

    One clip per line, UTF-8. Where a line holds a tab, the tab separates path and label and
    both may hold spaces; elsewhere a space does, and a path or label with spaces stands in
    double quotes. Empty lines and lines that start with `#` are passed over. When every
    label is a whole number, the labels are indices; otherwise they are names, sorted to
    give the indices. Whether the files are there shows when they are read.

    Args:
        folder: What the paths are relative to.
        annotations: The list; of the training clips where `val_annotations` is given.
        val_annotations: The list of the validation clips.
        labels: The label map. Without it, it is made from the list: from the names, or from
            indices that must then run from 0 without a gap and are their own names.

    Returns:
        The clips with their label map; `split` is set where `val_annotations` is given.

    Raises:
        DataError: When a file is missing, a line breaks the rule, a path comes twice, or a
            label is not in the label map.
    """
    folder = pathlib.Path(folder)
    if not folder.is_dir():
        raise DataError(
            f"The paths of a list must be relative to a folder that exists. Received `{folder}`."
        )
    lines = _read_lines(annotations, None if val_annotations is None else "train")
    training_labels = {label for _, _, label, _ in lines}
    if val_annotations is not None:
        lines += _read_lines(val_annotations, "val")
    are_indices = all(label.isdecimal() for _, _, label, _ in lines)
    if labels is None:
        labels = _infer_labels(annotations, training_labels, are_indices)
    clips, seen = [], {}
    for where, path, label, split in lines:
        if path in seen:
            raise DataError(
                f"A clip must be listed once. Received `{path}` at {seen[path]} and at {where}. "
                "Remove one of the lines."
            )
        seen[path] = where
        clips.append(
            ClipSource(str(folder / path), path, _index(labels, label, are_indices, where), split)
        )
    clips.sort(key=lambda clip: clip.data_path)
    return ClipListing(tuple(clips), labels)


def _read_lines(annotations, split):
    """Returns (place, path, label, split) of every clip."""
    try:
        text = pathlib.Path(annotations).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(
            f"The list of clips must be a file. Received `{annotations}`: {error.strerror}."
        ) from error
    except UnicodeDecodeError as error:
        raise DataError(f"The list of clips must be UTF-8. Received `{annotations}`.") from error
    lines = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        where = f"{annotations}, line {number}"
        lines.append((where, *_split_line(line, where), split))
    if not lines:
        raise DataError(
            f"The list of clips must hold at least one line. Received `{annotations}`, which "
            "holds none. A line is a path, a space or tab, and a label."
        )
    return lines


def _split_line(line, where):
    delimiter = "\t" if "\t" in line else " "
    fields = next(csv.reader([line.strip()], delimiter=delimiter, skipinitialspace=True))
    fields = [field.strip() for field in fields if field.strip()]
    if len(fields) != 2:
        raise DataError(
            "A line of the list must be a path and a label, with a space or a tab between; "
            f"names with spaces need a tab or double quotes. Received {line!r} at {where}."
        )
    return fields


def _infer_labels(annotations, training_labels, are_indices):
    if are_indices:
        numbers = {int(label) for label in training_labels}
        missing = sorted(set(range(max(numbers) + 1)) - numbers)
        if missing:
            raise DataError(
                "Labels that are numbers must run from 0 without a gap when no label map is "
                f"given. Received 0..{max(numbers)} in `{annotations}` without {missing[:10]}. "
                "Give the label map, a text file with one class name per line."
            )
        names = [str(number) for number in sorted(numbers)]
    else:
        names = sorted(training_labels)
    if len(names) < 2:
        raise DataError(
            "There must be at least two classes to tell apart. Received only "
            f"{names[0]!r} in `{annotations}`."
        )
    return LabelMap(names)


def _index(labels, label, are_indices, where):
    if not are_indices:
        try:
            return labels.index_of(label)
        except DataError as error:
            raise DataError(f"{error} At {where}.") from error
    if int(label) >= len(labels):
        raise DataError(
            f"A label must be one of 0..{len(labels) - 1}, the indices of the label map. "
            f"Received {label} at {where}."
        )
    return int(label)
