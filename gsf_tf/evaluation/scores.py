import csv
import dataclasses
import os
import zipfile
from collections.abc import Sequence

import numpy as np

from gsf_tf.data import LabelMap
from gsf_tf.errors import UserError
from gsf_tf.evaluation.save_arrays import save_arrays
from gsf_tf.tasks import ACTION, task_prefix

# An empty file, for example, is an EOFError to NumPy.
_UNREADABLE = (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile)


@dataclasses.dataclass(frozen=True)
class Scores:
    """A model's logits for the videos of a dataset, one row per video.

    Attributes:
        ids: Strings `[N]`, all different: the position of each video in the records.
        logits: Dictionary from each task to float32 `[N, K]`, the mean over the views of a video. A
            model for one task has the task `"action"` only.
        labels: Dictionary from each task to int32 `[N]` in 0..K-1.
        class_names: Dictionary from each task to the names of its K classes.

    Raises:
        ValueError: If the shapes do not agree, or an id occurs twice.
    """

    ids: np.ndarray
    logits: dict[str, np.ndarray]
    labels: dict[str, np.ndarray]
    class_names: dict[str, list[str]]

    def __post_init__(self):
        for task, logits in self.logits.items():
            labels, names = self.labels[task], self.class_names[task]
            if logits.shape != (len(self.ids), len(names)) or labels.shape != (len(self.ids),):
                raise ValueError(
                    "Scores must have a row of logits and a label for each id, and a column for "
                    f"each class. Received: for {task!r} logits of shape {logits.shape}, labels of "
                    f"shape {labels.shape}, {len(self.ids)} ids, {len(names)} names"
                )
        ids, counts = np.unique(self.ids, return_counts=True)
        if len(ids) < len(self.ids):
            twice = str(ids[np.argmax(counts)])
            raise ValueError(f"The ids of scores must differ. Received: {twice!r} more than once")

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def fingerprints(self) -> dict[str, str]:
        """Dictionary from each task to the fingerprint of its label map."""
        return {task: LabelMap(names).fingerprint for task, names in self.class_names.items()}

    def select(self, rows: Sequence[int]) -> "Scores":
        """Returns the scores of some of the videos.

        Args:
            rows: Indices of the videos, in the order of the result.
        """
        return dataclasses.replace(
            self,
            ids=self.ids[rows],
            logits={task: logits[rows] for task, logits in self.logits.items()},
            labels={task: labels[rows] for task, labels in self.labels.items()},
        )

    def save(self, path: str | os.PathLike) -> None:
        """Writes an `.npz` file, under a temporary name that is replaced when it is complete.

        It holds `ids`, `logits`, `labels`, `class_names` and `label_fingerprint`. For the other
        tasks of a multi-task model it holds the same with the task as prefix (`verb_logits`).

        Args:
            path: Path of the file.
        """
        arrays = {"ids": self.ids}
        for task, fingerprint in self.fingerprints.items():
            prefix = task_prefix(task)
            arrays[f"{prefix}logits"] = self.logits[task]
            arrays[f"{prefix}labels"] = self.labels[task]
            arrays[f"{prefix}class_names"] = np.array(self.class_names[task])
            arrays[f"{prefix}label_fingerprint"] = np.array(fingerprint)
        save_arrays(path, arrays)

    @classmethod
    def load(cls, path: str | os.PathLike) -> "Scores":
        """Returns the scores in a file that `save` wrote.

        Args:
            path: Path of the file.

        Raises:
            UserError: If the file does not exist, or was not written by `save`.
        """
        try:
            with np.load(path) as file:
                arrays = dict(file)
            prefixes = [name.removesuffix("logits") for name in arrays if name.endswith("logits")]
            scores = cls(
                ids=arrays["ids"],
                logits={_task(prefix): arrays[f"{prefix}logits"] for prefix in prefixes},
                labels={_task(prefix): arrays[f"{prefix}labels"] for prefix in prefixes},
                class_names={
                    _task(prefix): arrays[f"{prefix}class_names"].tolist() for prefix in prefixes
                },
            )
            written = {_task(p): str(arrays[f"{p}label_fingerprint"]) for p in prefixes}
            if not prefixes or written != scores.fingerprints:
                raise ValueError("its label fingerprint is not that of its class names")
        except _UNREADABLE as error:
            raise UserError(
                "Scores must be a file that `Scores.save` wrote, scores_<protocol>.npz. "
                f"Received: path={path} ({error})"
            ) from error
        return scores

    def save_csv(self, path: str | os.PathLike, task: str = ACTION) -> None:
        """Writes a line per video: id, true class, predicted class, and the logit of every class.

        Args:
            path: Path of the file.
            task: Name of the task whose classes and logits are written.
        """
        names = self.class_names[task]
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["video", "true", "predicted", *names])
            rows = zip(self.ids, self.labels[task], self.logits[task], strict=True)
            for name, label, logits in rows:
                best = names[int(np.argmax(logits))]
                writer.writerow([name, names[label], best, *(f"{value:.6g}" for value in logits)])


def _task(prefix):
    return prefix.removesuffix("_") or ACTION
