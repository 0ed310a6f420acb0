"""Datasets that are a text file of paths and labels."""

import csv
import math
import os
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

from gsf_tf.data.listing.clip_listing import ClipListing
from gsf_tf.data.listing.clip_source import ClipSource
from gsf_tf.data.listing.label_map import LabelMap
from gsf_tf.errors import DataError


class _Line(NamedTuple):
    """One line: its place, the path, the part of the video, and the labels as they are written."""

    where: str
    path: str
    part: tuple[str, ...]
    labels: tuple[str, ...]
    split: str | None

    @property
    def data_path(self):
        return f"{self.path}#{'-'.join(self.part)}" if self.part else self.path


def list_annotated_videos(
    folder: str | os.PathLike,
    annotations: str | os.PathLike,
    *,
    val_annotations: str | os.PathLike | None = None,
    labels: LabelMap | None = None,
    label_names: Sequence[str] = (),
) -> ClipListing:
    """Reads the clips of a `path [start end] label` list.

    One clip per line, UTF-8. Where a line holds a tab, tabs separate its fields and
    these may hold spaces; elsewhere spaces do, and a path or label with spaces stands in
    double quotes. Empty lines and lines that start with `#` are passed over. When every
    label is a whole number, the labels are indices; otherwise they are names, sorted to
    give the indices. Whether the files are there shows when they are read.

    `start` and `end`, in seconds, cut the clip out of a longer video.

    With `label_names`, a line holds that many labels and the class of a clip is their
    combination: `a.mp4 take plate` with `("verb", "noun")` is of the class `take plate`, and
    the records hold verb and noun as well.

    Args:
        folder: What the paths are relative to.
        annotations: The list; of the training clips where `val_annotations` is given.
        val_annotations: The list of the validation clips.
        labels: The label map. Without it, it is made from the list: from the names, or from
            indices that must then run from 0 without a gap and are their own names. With
            `label_names` it must be left out.
        label_names: Names of the labels of a line, where it has several.

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
    if labels is not None and label_names:
        raise DataError(
            "A label map must be left out where a line has several labels, for the classes are "
            f"their combinations. Received one, and the labels {', '.join(label_names)}."
        )
    count = max(len(label_names), 1)
    lines = _read_lines(annotations, None if val_annotations is None else "train", count)
    num_training = len(lines)
    if val_annotations is not None:
        lines += _read_lines(val_annotations, "val", count)
    _check_repetitions(lines)
    columns = [
        _Column(annotations, [line.labels[place] for line in lines], num_training, labels)
        for place in range(count)
    ]
    parts = [tuple(c.index(t, line.where) for c, t in zip(columns, line.labels, strict=True))
             for line in lines]  # fmt: skip
    if label_names:
        part_labels = {
            name: column.labels for name, column in zip(label_names, columns, strict=True)
        }
        combinations = sorted(set(parts))
        labels = LabelMap(
            " ".join(column.labels[i] for column, i in zip(columns, combination, strict=True))
            for combination in combinations
        )
        indices = {combination: index for index, combination in enumerate(combinations)}
    else:
        part_labels, labels = {}, columns[0].labels
        indices = {(index,): index for index in range(len(labels))}
    clips = [
        ClipSource(
            str(folder / line.path),
            line.data_path,
            indices[part],
            line.split,
            *map(float, line.part or ()),
            parts=part if label_names else (),
        )
        for line, part in zip(lines, parts, strict=True)
    ]
    clips.sort(key=lambda clip: clip.data_path)
    return ClipListing(tuple(clips), labels, source="list", part_labels=part_labels)


def _check_repetitions(lines):
    seen = {}
    for line in lines:
        where = seen.setdefault(line.data_path, line.where)
        if where != line.where:
            raise DataError(
                f"A clip must be listed once. Received `{line.data_path}` at {where} and at "
                f"{line.where}. Remove one of the lines."
            )


def _read_lines(annotations, split, num_labels):
    """Returns the `_Line` of every clip."""
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
        lines.append(_Line(where, *_split_line(line, where, num_labels), split))
    if not lines:
        raise DataError(
            f"The list of clips must hold at least one line. Received `{annotations}`, which "
            "holds none. A line is a path, a space or tab, and a label."
        )
    return lines


def _split_line(line, where, num_labels):
    delimiter = "\t" if "\t" in line else " "
    fields = next(csv.reader([line.strip()], delimiter=delimiter, skipinitialspace=True))
    fields = [field.strip() for field in fields if field.strip()]
    if len(fields) not in (1 + num_labels, 3 + num_labels):
        labels = "a label" if num_labels == 1 else f"{num_labels} labels"
        raise DataError(
            f"A line of the list must be a path and {labels}, with a space or a tab between, and "
            "may have start and end in seconds after the path; names with spaces need a tab or "
            f"double quotes. Received {line!r} at {where}."
        )
    path, part, labels = fields[0], tuple(fields[1:-num_labels]), tuple(fields[-num_labels:])
    if part:
        _check_part(part, line, where)
    return path, part, labels


def _check_part(part, line, where):
    try:
        start, end = map(float, part)
    except ValueError:
        start, end = math.nan, math.nan
    if not 0 <= start < end < math.inf:
        raise DataError(
            "Start and end of a clip must be seconds, 0 <= start < end. Received "
            f"{part[0]!r} and {part[1]!r} in {line!r} at {where}."
        )


class _Column:
    """The labels at one place of all lines, names or indices, with their label map."""

    def __init__(self, annotations, written, num_training, labels):
        self._are_indices = all(label.isdecimal() for label in written)
        training = set(written[:num_training])
        self.labels = labels or _infer_labels(annotations, training, self._are_indices)

    def index(self, label, where):
        return _index(self.labels, label, self._are_indices, where)


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
