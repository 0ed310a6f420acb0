"""The vectors before the classifier, for all videos of a dataset, and their file."""

import dataclasses
import os
import zipfile
from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from gsf_tf.errors import UserError
from gsf_tf.evaluation.save_arrays import save_arrays
from gsf_tf.evaluation.scoring import score_videos
from gsf_tf.layers import SegmentConsensus
from gsf_tf.models import SegmentModel
from gsf_tf.models.layer_lookup import classifiers
from gsf_tf.tasks import ACTION

# An empty file, for example, is an EOFError to NumPy.
_UNREADABLE = (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile)


@dataclasses.dataclass(frozen=True, eq=False)
class Features:
    """The feature vectors of videos, with their labels.

    Attributes:
        ids: Strings `[N]`, as in `Scores`.
        labels: int32 `[N]` in 0..K-1.
        vectors: float32 `[N, C]`: what the classifier reads, averaged over frames and views.
        class_names: Names of the K classes.

    Raises:
        ValueError: If the shapes do not agree.
    """

    ids: np.ndarray
    labels: np.ndarray
    vectors: np.ndarray
    class_names: list[str]

    def __post_init__(self):
        videos = len(self.ids)
        if self.labels.shape != (videos,) or self.vectors.shape[:-1] != (videos,):
            raise ValueError(
                "Features must have a label and a vector for each id. Received: "
                f"{videos} ids, labels of shape {self.labels.shape}, vectors of shape "
                f"{self.vectors.shape}"
            )
        if videos and not 0 <= self.labels.min() <= self.labels.max() < len(self.class_names):
            raise ValueError(
                "The labels of features must be in 0..K-1. Received: labels from "
                f"{self.labels.min()} to {self.labels.max()} for {len(self.class_names)} classes"
            )

    def __len__(self) -> int:
        return len(self.ids)

    def save(self, path: str | os.PathLike) -> None:
        """Writes an `.npz` file, under a temporary name that is replaced when it is complete.

        It holds `ids`, `labels`, `vectors` and `class_names`.

        Args:
            path: Path of the file.
        """
        arrays = {"ids": self.ids, "labels": self.labels, "vectors": self.vectors}
        save_arrays(path, {**arrays, "class_names": np.array(self.class_names)})

    @classmethod
    def load(cls, path: str | os.PathLike) -> "Features":
        """Returns the features in a file that `save` wrote.

        Args:
            path: Path of the file.

        Raises:
            UserError: If the file does not exist, or was not written by `save`.
        """
        try:
            with np.load(path) as file:
                return cls(
                    file["ids"], file["labels"], file["vectors"], file["class_names"].tolist()
                )
        except _UNREADABLE as error:
            raise UserError(
                "Features must be a file that `Features.save` or `gsf-tf features` wrote. "
                f"Received: path={path} ({error})"
            ) from error


def extract_features(
    model: keras.Model,
    dataset: tf.data.Dataset,
    class_names: Sequence[str],
    *,
    views_per_step: int = 16,
    on_step: Callable[[int], None] = lambda videos: None,
) -> Features:
    """Returns what the classifier of a model reads for each video of a dataset.

    The vectors are averaged over the frames of a clip and over the views of a video. The result
    does not depend on the batches of the dataset, nor on `views_per_step`.

    Args:
        model: `SegmentModel`.
        dataset: `tf.data.Dataset` of (clip, label, id), as in `score_videos`, with the labels of
            one task.
        class_names: Names of the classes of the labels.
        views_per_step: As in `score_videos`.
        on_step: As in `score_videos`.

    Returns:
        The `Features` of all videos.

    Raises:
        UserError: If the model is no `SegmentModel`, there is no video, or a feature is no finite
            number.

    Example:

    ```python
    features = gsf_tf.evaluation.extract_features(model, dataset, dataset.class_names)
    features.save("features.npz")
    ```

    Reference:
        GSF paper, Figure 6.
    """
    if not isinstance(model, SegmentModel):
        raise UserError(
            "Features are those of a `SegmentModel`, which has a backbone and a classifier. "
            f"Received: {model.name}, a {type(model).__name__}."
        )
    per_frame = next(iter(classifiers(model).values())).input
    vectors = SegmentConsensus(model.num_segments, dtype="float32")(per_frame)
    # Scored like logits: a column per channel, in place of one per class.
    columns = [f"feature {number}" for number in range(vectors.shape[-1])]
    scores = score_videos(
        keras.Model(model.input, vectors),
        dataset,
        columns,
        views_per_step=views_per_step,
        on_step=on_step,
    )
    return Features(scores.ids, scores.labels[ACTION], scores.logits[ACTION], list(class_names))
