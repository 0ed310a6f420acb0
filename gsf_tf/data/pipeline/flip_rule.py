"""Decides how mirroring a clip changes its label."""

import os
import pathlib
import re
from collections.abc import Iterable

import numpy as np

from gsf_tf.data.listing.label_map import LabelMap
from gsf_tf.data.records.dataset_info import DatasetInfo
from gsf_tf.errors import DataError

_DIRECTION = re.compile(
    r"(?<![a-z])((left|right)(wards?|handed|hand)?|(counter|anti)?-?clockwise)(?![a-z])"
)


class FlipRule:
    """Pairs of classes that swap when a clip is mirrored. All other classes keep their label.

    Args:
        labels: The label map.
        pairs: Pairs of names of classes that swap; empty if mirroring changes no label.

    Attributes:
        label_map: int32 `[num_classes]`, the label of each class after mirroring. Mirroring twice
            restores each label.

    Raises:
        DataError: If a name is not in the label map, is in two pairs, or is twice in one pair.

    Example:

    ```python
    labels = gsf_tf.data.LabelMap(["left", "right", "up"])
    rule = gsf_tf.data.FlipRule(labels, [("left", "right")])
    rule.label_map.tolist()  # [1, 0, 2]
    ```
    """

    def __init__(self, labels: LabelMap, pairs: Iterable[tuple[str, str]]):
        self.pairs = tuple((first, second) for first, second in pairs)
        self.label_map = np.arange(len(labels), dtype=np.int32)
        for pair in self.pairs:
            first, second = map(labels.index_of, pair)
            for index in (first, second):
                if self.label_map[index] != index or first == second:
                    raise DataError(
                        "A class must be in at most one of `pairs`, with another class. Received: "
                        f"{labels[index]!r} twice. Remove one of the pairs."
                    )
            self.label_map[[first, second]] = second, first

    @classmethod
    def load(cls, path: str | os.PathLike, labels: LabelMap) -> "FlipRule":
        """Reads a rule from a text file.

        The file is UTF-8 text with one pair of class names per line, separated by a tab. Empty
        lines and lines that start with `#` are skipped. A file without pairs says that mirroring
        changes no label.

        Args:
            path: The file.
            labels: The label map.

        Raises:
            DataError: If the file does not exist or has another format, or if its pairs break a
                rule.
        """
        try:
            text = pathlib.Path(path).read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(
                f"A flip rule must be a UTF-8 text file. Received: path={str(path)!r}: {error}"
            ) from error
        pairs = []
        for number, line in enumerate(text.splitlines(), start=1):
            names = [name.strip() for name in line.split("\t")]
            # A comment, unless it begins with the name of a class.
            if not line.strip() or (line.startswith("#") and names[0] not in labels.names):
                continue
            if len(names) != 2:
                raise DataError(
                    "A line of a flip rule must be two class names, separated by a tab. Received: "
                    f"{line!r} at {path}, line {number}"
                )
            pairs.append(names)
        try:
            return cls(labels, pairs)
        except DataError as error:
            raise DataError(f"{error} At {path}.") from error

    @classmethod
    def of(cls, info: DatasetInfo, path: str | os.PathLike | None = None) -> "FlipRule":
        """Returns the rule for training on records with mirrored clips.

        A file of the user's replaces the pairs that the dataset has itself. If there is neither, no
        class changes its label, provided that no class name speaks of a direction.

        Args:
            info: Description of the records.
            path: File of the user's rule (`load`).

        Raises:
            DataError: If there are neither a file nor pairs of the dataset, and class names speak
                of left, right or a sense of rotation. The message names these classes.
        """
        labels = LabelMap(info.labels)
        if path is not None:
            return cls.load(path, labels)
        if info.flip_pairs is not None:
            return cls(labels, info.flip_pairs)
        directed = directed_names(labels)
        if directed:
            shown = ", ".join(f"`{name}`" for name in directed[:6])
            more = f" and {len(directed) - 6} more" if len(directed) > 6 else ""
            raise DataError(
                "Mirroring needs a flip rule if class names speak of a direction. Received: "
                f"the classes {shown}{more}, and no flip rule. Write a text file with the pairs "
                "that swap (a pair per line, separated by a tab; an empty file says that no label "
                "changes), or train without mirroring."
            )
        return cls(labels, ())


def directed_names(labels: Iterable[str]) -> list[str]:
    """Returns the names that contain `left`, `right` or `clockwise` as a separate word."""

    def words(name):
        return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()

    return [name for name in labels if _DIRECTION.search(words(name))]
