"""The videos that a model gets wrong and is sure of."""

import dataclasses

import numpy as np
from scipy.special import softmax

from gsf_tf.evaluation.scores import Scores
from gsf_tf.tasks import ACTION


@dataclasses.dataclass(frozen=True)
class Mistake:
    """A video that a model gets wrong.

    Attributes:
        video: Id of the video.
        true: Name of its class.
        predicted: Name of the class that the model finds.
        confidence: Probability that the model gives to `predicted`, in 0..1.
        probability: Probability that it gives to `true`.
    """

    video: str
    true: str
    predicted: str
    confidence: float
    probability: float


def confident_mistakes(scores: Scores, count: int = 10, task: str = ACTION) -> list[Mistake]:
    """Returns the videos that a model gets wrong with the highest probability.

    Args:
        scores: `Scores` of an evaluation.
        count: Largest number of mistakes.
        task: Task whose classes are meant.

    Returns:
        A list of `Mistake`, the most confident first.
    """
    names, labels = scores.class_names[task], scores.labels[task]
    probabilities = softmax(scores.logits[task].astype(np.float64), axis=1)
    predicted = scores.logits[task].argmax(axis=1)
    confidence = probabilities.max(axis=1)
    wrong = np.flatnonzero(predicted != labels)
    return [
        Mistake(
            str(scores.ids[row]),
            names[labels[row]],
            names[predicted[row]],
            float(confidence[row]),
            float(probabilities[row, labels[row]]),
        )
        for row in wrong[np.argsort(-confidence[wrong], kind="stable")][:count]
    ]
