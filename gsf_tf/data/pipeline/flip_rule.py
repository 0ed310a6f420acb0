"""What mirroring a clip does to its label."""

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
    """Pairs of classes that swap when a clip is mirrored; the others keep their label.

    Args:
        labels: The label map.
        pairs: Names of the classes that swap. None at all says that mirroring changes no label.

    Attributes:
        label_map: int32 `[num_classes]`, the label of each class after mirroring. Applied twice
            it changes nothing.

    Raises:
        DataError: If a name is not in the label map, or is in two pairs or twice in one.

    Example:

    >>> rule = FlipRule(LabelMap(["left", "right", "up"]), [("left", "right")])
    >>> rule.label_map.tolist()
    [1, 0, 2]
    """

    def __init__(self, labels: LabelMap, pairs: Iterable[tuple[str, str]]):
        self.pairs = tuple((first, second) for first, second in pairs)
        self.label_map = np.arange(len(labels), dtype=np.int32)
        for pair in self.pairs:
            first, second = map(labels.index_of, pair)
            for index in (first, second):
                if self.label_map[index] != index or first == second:
                    raise DataError(
                        "A class must be in one pair of a flip rule, with another class. Received "
                        f"`{labels[index]}` twice. Remove one of the pairs."
                    )
            self.label_map[[first, second]] = second, first

    @classmethod
    def load(cls, path: str | os.PathLike, labels: LabelMap) -> "FlipRule":
        """Reads a user's own rule.

        The file is UTF-8 text with one pair per line, a tab between the two names. Empty lines
        and lines that start with `#` are passed over; a file with nothing else says that
        mirroring changes no label.

        Raises:
            DataError: If there is no such file or it breaks a rule.
        """
        try:
            text = pathlib.Path(path).read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(
                f"A flip rule must be a text file in UTF-8. Received `{path}`: {error}."
            ) from error
        pairs = []
        for number, line in enumerate(text.splitlines(), start=1):
            if not line.strip() or line.startswith("#"):
                continue
            names = [name.strip() for name in line.split("\t")]
            if len(names) != 2:
                raise DataError(
                    "A line of a flip rule must be two class names with a tab between. Received "
                    f"{line!r} at {path}, line {number}."
                )
            pairs.append(names)
        try:
            return cls(labels, pairs)
        except DataError as error:
            raise DataError(f"{error} At {path}.") from error

    @classmethod
    def of(cls, info: DatasetInfo, path: str | os.PathLike | None = None) -> "FlipRule":
        """Returns the rule for training on records with mirrored clips.

        A file of the user's comes first, then the table of the dataset. Without either, classes
        whose names say nothing of left and right keep their labels.

        Args:
            info: What the records hold.
            path: File of a user's own rule (`load`).

        Raises:
            DataError: If neither is there and class names speak of left, right or a sense of
                rotation; the message names them.
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
                "Mirrored clips need a decision where class names speak of a direction. Received "
                f"{shown}{more}, and no flip rule. Name the pairs that swap in a text file (a pair "
                "per line, a tab between; an empty file says that no label changes), or train "
                "without mirroring."
            )
        return cls(labels, ())


def directed_names(labels: Iterable[str]) -> list[str]:
    """Returns the names that hold `left`, `right` or `clockwise` as a word of their own."""

    def words(name):
        return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()

    return [name for name in labels if _DIRECTION.search(words(name))]
