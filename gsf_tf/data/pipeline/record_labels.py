"""The labels that a pipeline takes from records, and how many classes each has."""

import dataclasses
import os
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from gsf_tf.data.listing import label_map
from gsf_tf.data.listing.label_map import LabelMap
from gsf_tf.data.pipeline.augmentation.augmentation import Augmentation
from gsf_tf.data.records.dataset_info import DatasetInfo
from gsf_tf.data.records.record_schema import label_key
from gsf_tf.errors import DataError
from gsf_tf.tasks import ACTION


@dataclasses.dataclass(frozen=True)
class RecordLabels:
    """Class names of some shards, and of the parts of their classes.

    Attributes:
        class_names: The lines of `labels.txt`, `None` where there is none.
        task_classes: For each part that is wanted its class names, as `{"verb": [...]}`.
    """

    class_names: list[str] | None
    task_classes: dict[str, list[str]]

    @classmethod
    def of(cls, folder: str, parts: Sequence[str]) -> "RecordLabels":
        """Reads them from the files beside the shards.

        Args:
            folder: Folder of the shards.
            parts: Names of the parts, as `("verb", "noun")`.

        Raises:
            DataError: If the records in `folder` do not have these parts.
        """
        path = os.path.join(folder, label_map.FILE_NAME)
        class_names = list(LabelMap.load(path)) if tf.io.gfile.exists(path) else None
        if not parts:
            return cls(class_names, {})
        there = DatasetInfo.load(folder).part_labels
        if len(set(parts)) < len(parts) or not set(parts) <= set(there):
            raise DataError(
                "`parts` must name parts of the classes in the records, each once: "
                f"{', '.join(map(repr, there)) or 'these classes have none'}. Received "
                f"{tuple(parts)} for `{folder}`."
            )
        return cls(class_names, {part: there[part] for part in parts})

    @property
    def num_classes(self) -> int | dict[str, int] | None:
        """How many classes there are, in the structure of a label; `None` where that is unknown."""
        if self.class_names is None:
            return None
        if not self.task_classes:
            return len(self.class_names)
        return {name: len(names) for name, names in self._names().items()}

    @property
    def limits(self) -> dict[str, int | None]:
        """The number of classes by the key of each label in a record, `None` where unknown."""
        counts = {name: names and len(names) for name, names in self._names().items()}
        return {label_key(name): count for name, count in counts.items()}

    def check_flips(self, augmentation: Augmentation) -> Augmentation:
        """Returns the augmentation for these labels.

        Raises:
            DataError: If `Augmentation.check_classes` does, or mirroring changes classes that
                have parts.
        """
        augmentation.check_classes(self.class_names)
        if not self.task_classes or augmentation.flip_label_map is None:
            return augmentation
        swapped = np.asarray(augmentation.flip_label_map)
        if (swapped != np.arange(len(swapped))).any():
            raise DataError(
                "`flip_label_map` must leave all classes as they are with `parts`, whose labels it "
                f"does not know. Received one that changes {(swapped != range(len(swapped))).sum()}"
                " classes. Set `flip` to 0, or leave out `parts`."
            )
        return dataclasses.replace(augmentation, flip_label_map=None)

    def _names(self):
        return {ACTION: self.class_names, **self.task_classes}
