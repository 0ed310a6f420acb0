"""Lists datasets that are described by a text file of paths and labels."""

import os
import pathlib
from collections.abc import Sequence

from gsf_tf.data.listing.clip_listing import ClipListing
from gsf_tf.data.listing.clip_source import ClipSource
from gsf_tf.data.listing.label_map import LabelMap
from gsf_tf.data.listing.list_line import is_number, read_list
from gsf_tf.data.video.number_gaps import number_gaps
from gsf_tf.errors import DataError
from gsf_tf.tasks import ACTION


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
    hold spaces. Otherwise commas separate them if the path ends at one, and else spaces; a path or
    label with spaces is written in double quotes. Empty lines and lines that start with `#` are
    skipped. A header as the first line, which names columns and no such file, is recognized and
    named in `notes`.

    If all labels are whole numbers, they are indices. Otherwise they are names, and the sorted
    names get the indices 0, 1, 2, ... Numbers beside names are refused unless `labels` is given,
    and so are negative, fractional and infinite numbers. Paths are compared without `.`, `..` and
    double slashes. Reading the list does not check that the files of the clips exist.

    `start` and `end`, in seconds, cut the clip out of a longer video. For folders of frames, lines
    may be `path num_frames label` or `path start num_frames label`, as in the lists of TSN, TSM and
    GSF. In the first form the number of frames must be that of the folder. In the second, the clip
    has the frames `start`, `start + 1`, ..., all of which must be there.

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
        tasks: Names of the tasks, if the lines have several labels: letters, digits and
            underscores, all different, and not `action`, which is their combination.

    Returns:
        The clips with their label map. `split` is set if `val_annotations` is given. `notes` name
        the headers.

    Raises:
        DataError: If a file is missing, a task or a line breaks the rules above, a clip is
            listed twice, a number of frames is wrong, or a label is not in the label map.
    """
    folder = pathlib.Path(folder)
    if not os.path.isdir(folder):
        raise DataError(
            "The paths of a list must be relative to a folder that exists. Received: "
            f"folder={str(folder)!r}"
        )
    if labels is not None and tasks:
        raise DataError(
            "`labels` must be left out with `tasks`, because the classes are then the combinations "
            f"of the tasks' labels. Received: labels={labels!r:.200}, tasks={tuple(tasks)}"
        )
    wrong = [task for task in tasks if not task.isidentifier() or task == ACTION]
    if wrong or len(set(tasks)) < len(tasks):
        raise DataError(
            "`tasks` must be different names of letters, digits and underscores, other than "
            f"{ACTION!r}, which is their combination. Received: tasks={tuple(tasks)}"
        )
    count = max(len(tasks), 1)
    split = None if val_annotations is None else "train"
    lines, notes = read_list("annotations", annotations, folder, split, count)
    num_training = len(lines)
    if val_annotations is not None:
        val_lines, val_notes = read_list("val_annotations", val_annotations, folder, "val", count)
        lines, notes = lines + val_lines, notes + val_notes
    _check_repetitions(lines)
    columns = [_Column(annotations, lines, number, num_training, labels) for number in range(count)]
    indices = {}
    for line in lines:
        if line.labels not in indices:
            pairs = zip(columns, line.labels, strict=True)
            indices[line.labels] = tuple(column.index(label, line) for column, label in pairs)
    if tasks:
        task_classes = {task: column.labels for task, column in zip(tasks, columns, strict=True)}
        combinations = sorted(set(indices.values()))
        labels = LabelMap(
            " ".join(column.labels[i] for column, i in zip(columns, combination, strict=True))
            for combination in combinations
        )
        classes = {combination: index for index, combination in enumerate(combinations)}
    else:
        task_classes, labels = {}, columns[0].labels
        classes = {(index,): index for index in range(len(labels))}
    root = "" if folder == pathlib.Path() else str(folder)
    clips = [
        ClipSource(
            os.path.join(root, line.path),
            line.data_path,
            classes[indices[line.labels]],
            line.split,
            *map(float, line.part),
            task_labels=indices[line.labels] if tasks else (),
            frames=line.frames,
        )
        for line in _taken(lines)
    ]
    clips.sort(key=lambda clip: clip.data_path)
    return ClipListing(
        tuple(clips), labels, source="list", task_classes=task_classes, notes=tuple(notes)
    )


def _check_repetitions(lines):
    seen = {}
    for line in lines:
        first = seen.setdefault(line.identity, line)
        if first is not line:
            raise DataError(
                f"A clip must be listed once. Received: {line.data_path!r} at {first.where} and at "
                f"{line.where}. Remove one of the lines."
            )


def _taken(lines):
    """Yields lines and removes them from their list: the memory of a million serves the clips."""
    lines.reverse()
    while lines:
        yield lines.pop()


class _Column:
    """The labels of one task in all lines, names or indices, with their label map."""

    def __init__(self, annotations, lines, task, num_training, labels):
        written = [line.labels[task] for line in lines]
        self._are_indices = all(label.isdecimal() for label in set(written))
        if not self._are_indices:
            _check_names(written, lines, labels)
        training = set(written[:num_training])
        self.labels = labels or _infer_labels(annotations, training, self._are_indices)

    def index(self, label, line):
        return _index(self.labels, label, self._are_indices, line)


def _check_names(written, lines, labels):
    """Checks that labels that are not all indices are all names."""
    names = set() if labels is None else set(labels)
    wrong = {label for label in set(written) - names if is_number(label) and not label.isdecimal()}
    for label, line in zip(written, lines, strict=True) if wrong else ():
        if label in wrong:
            raise DataError(
                "A label must be a name or an index, a whole number from 0. Received: "
                f"{label!r} at {line.where}. Write the index without sign and point, or give the "
                "class a name that is no number."
            )
    if labels is not None:
        return
    numbers = [position for position, label in enumerate(written) if label.isdecimal()]
    others = [position for position, label in enumerate(written) if not label.isdecimal()]
    if numbers:
        rare = min(numbers, others, key=len)
        kind = "names" if rare is others else "numbers"
        raise DataError(
            "Labels must all be whole numbers (indices) or all be names. Received: "
            f"{len(numbers)} numbers and {len(others)} names; of the {kind}, the first is "
            f"{written[rare[0]]!r} at {lines[rare[0]].where}. Correct the lines. If the numbers "
            "are names, pass all names as `labels`."
        )


def _infer_labels(annotations, training_labels, are_indices):
    if are_indices:
        numbers = {int(label) for label in training_labels}
        missing, first_ones = number_gaps(numbers, 0, max(numbers), 10)
        if missing:
            raise DataError(
                "Labels that are numbers must run from 0 without a gap if `labels` is not given. "
                f"Received: 0..{max(numbers)} in {str(annotations)!r} without {first_ones}. Pass "
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


def _index(labels, label, are_indices, line):
    if not are_indices:
        try:
            return labels.index_of(label)
        except DataError as error:
            raise DataError(f"{error} At {line.where}.") from error
    if int(label) >= len(labels):
        raise DataError(
            f"A label must be one of 0..{len(labels) - 1}, the indices of the label map. "
            f"Received: {label} at {line.where}"
        )
    return int(label)
