import dataclasses
from typing import Any

import numpy as np

from gsf_tf.data import LabelMap


@dataclasses.dataclass(frozen=True)
class Prediction:
    """What a model says of a video, or why it says nothing.

    Attributes:
        video: The video as it was given, a path or frames.
        labels: `LabelMap` of the classes.
        logits: float32 `[K]`, the mean over the views of the video; None after an error.
        features: float32 `[C]`, the mean of the vectors before the classifier over the frames of
            all views; None if they were not asked for, or after an error.
        error: Why there is no result, an exception; None if there is one.
    """

    video: Any
    labels: LabelMap
    logits: np.ndarray | None = None
    features: np.ndarray | None = None
    error: Exception | None = None

    @property
    def probabilities(self) -> np.ndarray:
        """Softmax of the logits, float32 `[K]`.

        Raises:
            VideoError: Or whatever the error is, if there is one.
        """
        if self.error is not None:
            raise self.error
        powers = np.exp(self.logits.astype(np.float64) - self.logits.max())
        return (powers / powers.sum()).astype(np.float32)

    def top(self, k: int = 5) -> list[tuple[str, float]]:
        """Returns the most probable classes.

        Args:
            k: Number of classes, at least 1.

        Returns:
            A list of `(name, probability)`, the most probable first.

        Raises:
            VideoError: Or whatever the error is, if there is one.
        """
        probabilities = self.probabilities
        best = np.argsort(-probabilities, kind="stable")[:k]
        return [(self.labels.names[i], float(probabilities[i])) for i in best]
