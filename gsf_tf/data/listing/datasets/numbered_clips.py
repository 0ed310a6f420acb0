"""The files of the datasets of 20BN whose clips are folders of frames, called by a number."""

import os
import pathlib
from collections.abc import Callable

from gsf_tf.data.listing.datasets.annotated_clip import AnnotatedClip
from gsf_tf.data.listing.datasets.annotation_file import find_file, find_label, read_lines
from gsf_tf.data.listing.label_map import LabelMap
from gsf_tf.errors import DataError


def read_numbered_clips(folder: pathlib.Path, prefix: str) -> tuple[LabelMap, list[AnnotatedClip]]:
    """Reads `PREFIX-labels.csv`, `PREFIX-train.csv` and `PREFIX-validation.csv`.

    The first has a label per line, the others `NUMBER;label`. The test part has no labels and is
    left out.

    Args:
        folder: Folder of the three files.
        prefix: What their names begin with.

    Returns:
        The label map, sorted by name, and the clips; the file of a clip is its number.

    Raises:
        DataError: If a file is missing or a line breaks a rule.
    """
    names = find_file(folder, f"{prefix}-labels.csv")
    labels = LabelMap(sorted(line for _, line in read_lines(names)))
    clips = []
    for split, name in (("train", "train"), ("val", "validation")):
        for where, line in read_lines(find_file(folder, f"{prefix}-{name}.csv")):
            clip, separator, label = line.partition(";")
            if not separator or not clip.isdecimal():
                raise DataError(
                    f"A line must be a clip's number, `;` and its label. Received: {line!r} at "
                    f"{where}. Use the official file."
                )
            clips.append(AnnotatedClip(clip, find_label(labels, label, where), split, where))
    return labels, clips


def locate_folders(videos: pathlib.Path) -> tuple[Callable[[str], str | None], list[str]]:
    """Returns what `OfficialDataset.locator` does, for folders directly in `videos`."""
    folders = {entry.name for entry in os.scandir(videos) if entry.is_dir()}
    return (lambda file: file if file in folders else None), []
