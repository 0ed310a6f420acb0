"""Lists datasets that are described by a text file of paths and labels."""

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
    """A line: where it is (for messages), its path, part of the video, and labels as written."""

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
    tasks: Sequence[str] = (),
) -> ClipListing:
    """Reads a list of clips with one `path [start end] label` per line.

    The list is a UTF-8 text file. If a line holds a tab, tabs separate its fields, which may then
    hold spaces. Otherwise spaces separate them, and a path or label with spaces is written in
    double quotes. Empty lines and lines that start with `#` are skipped. If all labels are whole
    numbers, they are indices. Otherwise they are names, and the sorted names get the indices 0, 1,
    2, ... Reading the list does not check that the files of the clips exist.

    `start` and `end`, in seconds, cut the clip out of a longer video.

    With `tasks`, each line ends with one label for each task, and the class of a clip is their
    combination. With `tasks=("verb", "noun")` the line `a.mp4 take plate` has the class
    `take plate`, and its record holds the labels of verb and noun too.

    Args:
        folder: The folder that the paths are relative to.
        annotations: The list. If `val_annotations` is given, the list of the training clips.
        val_annotations: The list of the validation clips.
        labels: The label map. By default it is made from the list: from the names, or from the
            indices, which must then run from 0 without a gap and serve as names. Must be `None`
            with `tasks`.
        tasks: Names of the tasks, if the lines have several labels.

    Returns:
        The clips with their label map. `split` is set if `val_annotations` is given.

    Raises:
        DataError: If a file is missing, a line breaks the rules above, a clip is listed twice, or
            a label is not in the label map.
    """
    folder = pathlib.Path(folder)
    if not folder.is_dir():
        raise DataError(
            "The paths of a list must be relative to a folder that exists. Received: "
            f"folder={str(folder)!r}"
        )
    if labels is not None and tasks:
        raise DataError(
            "`labels` must be left out with `tasks`, because the classes are then the combinations "
            f"of the tasks' labels. Received: labels={labels!r:.200}, tasks={tuple(tasks)}"
        )
    count = max(len(tasks), 1)
    split = None if val_annotations is None else "train"
    lines = _read_lines("annotations", annotations, split, count)
    num_training = len(lines)
    if val_annotations is not None:
        lines += _read_lines("val_annotations", val_annotations, "val", count)
    _check_repetitions(lines)
    columns = [
        _Column(annotations, [line.labels[number] for line in lines], num_training, labels)
        for number in range(count)
    ]
    indices_of_lines = [
        tuple(
            column.index(label, line.where)
            for column, label in zip(columns, line.labels, strict=True)
        )
        for line in lines
    ]
    if tasks:
        task_classes = {task: column.labels for task, column in zip(tasks, columns, strict=True)}
        combinations = sorted(set(indices_of_lines))
        labels = LabelMap(
            " ".join(column.labels[i] for column, i in zip(columns, combination, strict=True))
            for combination in combinations
        )
        classes = {combination: index for index, combination in enumerate(combinations)}
    else:
        task_classes, labels = {}, columns[0].labels
        classes = {(index,): index for index in range(len(labels))}
    clips = [
        ClipSource(
            str(folder / line.path),
            line.data_path,
            classes[combination],
            line.split,
            *map(float, line.part or ()),
            task_labels=combination if tasks else (),
        )
        for line, combination in zip(lines, indices_of_lines, strict=True)
    ]
    clips.sort(key=lambda clip: clip.data_path)
    return ClipListing(tuple(clips), labels, source="list", task_classes=task_classes)


def _check_repetitions(lines):
    seen = {}
    for line in lines:
        where = seen.setdefault(line.data_path, line.where)
        if where != line.where:
            raise DataError(
                f"A clip must be listed once. Received: {line.data_path!r} at {where} and at "
                f"{line.where}. Remove one of the lines."
            )


def _read_lines(name, path, split, num_labels):
    """Returns a `_Line` for every clip of the list that the argument `name` has passed."""
    try:
        text = pathlib.Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(
            f"The list of clips must be a file. Received: {name}={str(path)!r}: {error.strerror}"
        ) from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"The list of clips must be UTF-8 text. Received: {name}={str(path)!r}, which is not"
        ) from error
    lines = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        where = f"{path}, line {number}"
        lines.append(_Line(where, *_split_line(line, where, num_labels), split))
    if not lines:
        raise DataError(
            f"The list of clips must hold at least one line. Received: {name}={str(path)!r}, which "
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
            f"A line of the list must be a path and {labels}, separated by spaces or tabs, and may "
            "have start and end in seconds after the path. Names with spaces need tabs or double "
            f"quotes. Received: {line!r} at {where}"
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
            "Start and end of a clip must be seconds, 0 <= start < end. Received: "
            f"start={part[0]!r}, end={part[1]!r} in {line!r} at {where}"
        )


class _Column:
    """The labels of one task in all lines, names or indices, with their label map."""

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
                "Labels that are numbers must run from 0 without a gap if `labels` is not given. "
                f"Received: 0..{max(numbers)} in {str(annotations)!r} without {missing[:10]}. Pass "
                "`labels`, a label map with the name of each class."
            )
        names = [str(number) for number in sorted(numbers)]
    else:
        names = sorted(training_labels)
    if len(names) < 2:
        raise DataError(
            f"There must be at least two classes. Received: only {names[0]!r} in "
            f"{str(annotations)!r}"
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
            f"Received: {label} at {where}"
        )
    return int(label)
