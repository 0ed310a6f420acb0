"""Decides which labels a pipeline reads from records, and knows their classes."""

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
    """The class names of records, of the action and of the other tasks that are read.

    Attributes:
        class_names: The lines of `labels.txt`, `None` if the file does not exist.
        task_classes: The class names of each task beside the action that is read, such as
            `{"verb": [...]}`.
    """

    class_names: list[str] | None
    task_classes: dict[str, list[str]]

    @classmethod
    def of(cls, folder: str, tasks: Sequence[str]) -> "RecordLabels":
        """Reads the class names from the files beside the shards.

        Args:
            folder: Folder of the shards.
            tasks: Names of the tasks beside the action, such as `("verb", "noun")`.

        Raises:
            DataError: If the records in `folder` lack one of the tasks.
        """
        path = os.path.join(folder, label_map.FILE_NAME)
        class_names = list(LabelMap.load(path)) if tf.io.gfile.exists(path) else None
        if not tasks:
            return cls(class_names, {})
        known = DatasetInfo.load(folder).task_classes
        if len(set(tasks)) < len(tasks) or not set(tasks) <= set(known):
            raise DataError(
                "`tasks` must name tasks of the records beside the action, each once: "
                f"{', '.join(map(repr, known)) or 'these records have none'}. Received: "
                f"tasks={tuple(tasks)} for the records in {folder!r}"
            )
        return cls(class_names, {task: known[task] for task in tasks})

    @property
    def num_classes(self) -> int | dict[str, int] | None:
        """Number of classes, for several tasks a dictionary of them; `None` if unknown."""
        if self.class_names is None:
            return None
        if not self.task_classes:
            return len(self.class_names)
        return {name: len(names) for name, names in self._names().items()}

    @property
    def limits(self) -> dict[str, int | None]:
        """Number of classes by the key of each label in a record, `None` if unknown."""
        counts = {name: names and len(names) for name, names in self._names().items()}
        return {label_key(name): count for name, count in counts.items()}

    def check_flips(self, augmentation: Augmentation) -> Augmentation:
        """Returns the augmentation, changed so that it fits these labels.

        Raises:
            DataError: If `Augmentation.check_classes` raises it, or if mirroring swaps classes and
                several tasks are read.
        """
        augmentation.check_classes(self.class_names)
        if not self.task_classes or augmentation.flip_label_map is None:
            return augmentation
        swapped = np.asarray(augmentation.flip_label_map)
        if (swapped != np.arange(len(swapped))).any():
            raise DataError(
                "`flip_label_map` must change no class if `tasks` are read, because it does not "
                "say how their labels change. Received: a flip_label_map that changes "
                f"{(swapped != range(len(swapped))).sum()} classes. Set `flip` to 0, or leave out "
                "`tasks`."
            )
        return dataclasses.replace(augmentation, flip_label_map=None)

    def _names(self):
        return {ACTION: self.class_names, **self.task_classes}
