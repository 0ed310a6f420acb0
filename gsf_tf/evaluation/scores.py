import csv
import dataclasses
import os
import pathlib
import zipfile

import numpy as np

from gsf_tf.data import LabelMap
from gsf_tf.errors import UserError
from gsf_tf.tasks import ACTION, task_prefix


@dataclasses.dataclass(frozen=True)
class Scores:
    """A model's logits for the videos of a dataset, each once.

    Attributes:
        ids: Strings `[N]`, all different, that tell where a video is in the records.
        logits: For each task float32 `[N, K]`, means over the views of a video. A model for one
            task has `"action"` only.
        labels: For each task int32 `[N]` in 0..K-1.
        class_names: For each task its K names.

    Raises:
        ValueError: If shapes do not belong together, or an id repeats.
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
                    f"each class. Received for {task!r}: logits {logits.shape}, labels "
                    f"{labels.shape}, {len(self.ids)} ids, {len(names)} names"
                )
        if len(np.unique(self.ids)) < len(self.ids):
            raise ValueError("The ids of scores must differ. Received one twice.")

    def __len__(self):
        return len(self.ids)

    @property
    def fingerprints(self):
        """For each task the fingerprint of its label map."""
        return {task: LabelMap(names).fingerprint for task, names in self.class_names.items()}

    def select(self, rows):
        """Returns the scores of some of the videos, in the order of the indices `rows`."""
        return dataclasses.replace(
            self,
            ids=self.ids[rows],
            logits={task: logits[rows] for task, logits in self.logits.items()},
            labels={task: labels[rows] for task, labels in self.labels.items()},
        )

    def save(self, path):
        """Writes an `.npz` file in one piece.

        It holds `ids`, `logits`, `labels`, `class_names` and `label_fingerprint`; for the other
        tasks of a multi-task model the same with the task's name before it, as `verb_logits`.
        """
        arrays = {"ids": self.ids}
        for task, fingerprint in self.fingerprints.items():
            prefix = task_prefix(task)
            arrays[f"{prefix}logits"] = self.logits[task]
            arrays[f"{prefix}labels"] = self.labels[task]
            arrays[f"{prefix}class_names"] = np.array(self.class_names[task])
            arrays[f"{prefix}label_fingerprint"] = np.array(fingerprint)
        path = pathlib.Path(path)
        partial = path.with_name(f"partial-{path.name}")
        np.savez(partial, **arrays)
        os.replace(partial, path)

    @classmethod
    def load(cls, path):
        """Reads the file that `save` wrote.

        Raises:
            UserError: If it is not there, or was not written by `save`.
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
        except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
            raise UserError(
                "Scores must be a file that `Scores.save` wrote, scores_<protocol>.npz. "
                f"Received: path={path} ({error})"
            ) from error
        return scores

    def save_csv(self, path, task=ACTION):
        """Writes a line per video: id, true class, predicted class, and the logit of every class.

        Args:
            path: Where to.
            task: Of a multi-task model, the task.
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
