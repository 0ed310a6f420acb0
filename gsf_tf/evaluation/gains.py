"""What one model gains over another, by class, and whether that can be chance."""

import dataclasses

import numpy as np
from scipy.stats import binomtest

from gsf_tf.evaluation.align_scores import align_scores
from gsf_tf.evaluation.scores import Scores
from gsf_tf.tasks import ACTION

RESAMPLES = 2000
CONFIDENCE = 0.95


@dataclasses.dataclass(frozen=True)
class Gain:
    """The accuracy of a model minus that of another one, on the same videos.

    Attributes:
        name: Name of the class, or `"all classes"`.
        videos: Number of the videos.
        baseline: Accuracy of the model that is compared with, in 0..1.
        other: Accuracy of the other model, in 0..1.
        low: Lower end of the 95 % interval of the gain.
        high: Upper end of it.
        won: Number of videos that only the other model has right.
        lost: Number of videos that only the baseline has right.
        p_value: Probability of a difference as large as that of `won` and `lost` if both models
            were equally good: the exact form of McNemar's test, two-sided.
    """

    name: str
    videos: int
    baseline: float
    other: float
    low: float
    high: float
    won: int
    lost: int
    p_value: float

    @property
    def gain(self) -> float:
        """Difference of the accuracies, in -1..1."""
        return self.other - self.baseline


def class_gains(
    baseline: Scores,
    other: Scores,
    *,
    task: str = ACTION,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[Gain, list[Gain]]:
    """Compares two models on the same videos, over all classes and for each class.

    The interval is a paired bootstrap over videos: videos are drawn again and again, each with the
    answers of both models. For a single class it is wide, and with hundreds of classes some differ
    by chance: at a p-value of 0.05, at most one in 20.

    Args:
        baseline: `Scores` of the model that is compared with.
        other: `Scores` of the other model. The order of the videos may differ.
        task: Task whose classes are compared.
        resamples: Number of times that the videos are drawn, at least 1.
        seed: Seed of the draws.

    Returns:
        A pair: the `Gain` over all classes, and a list with that of each class that has videos, in
        the order of the classes.

    Raises:
        UserError: If the classes, the videos or the labels of the two differ.
        ValueError: If the task is unknown, or there are no resamples.

    Example:

    ```python
    tsn = gsf_tf.evaluation.Scores.load("runs/tsn/scores_efficiency.npz")
    gsf = gsf_tf.evaluation.Scores.load("runs/gsf/scores_efficiency.npz")
    overall, by_class = gsf_tf.evaluation.class_gains(tsn, gsf)
    print(overall.gain, overall.low, overall.high, overall.p_value)
    ```

    Reference:
        GSF paper, section 4.6, Figure 7. McNemar, Psychometrika 12, 1947; Efron and Tibshirani, An
        Introduction to the Bootstrap, 1993.
    """
    if task not in baseline.logits or int(resamples) != resamples or resamples < 1:
        raise ValueError(
            f"`task` must be one of {', '.join(baseline.logits)}, and `resamples` an integer >= 1. "
            f"Received: task={task!r}, resamples={resamples!r}"
        )
    first, second = align_scores({"the baseline": baseline, "the other": other}, "compared")
    labels, names = first.labels[task], first.class_names[task]
    right = [scores.logits[task].argmax(axis=1) == labels for scores in (first, second)]
    draws = np.random.default_rng(seed)
    overall = _gain("all classes", *right, draws, int(resamples))
    by_class = [
        _gain(names[index], *(each[labels == index] for each in right), draws, int(resamples))
        for index in np.unique(labels)
    ]
    return overall, by_class


def _gain(name, baseline, other, draws, resamples):
    won, lost = int((other & ~baseline).sum()), int((baseline & ~other).sum())
    videos = len(baseline)
    # Drawing videos with replacement draws numbers of won, lost and other videos.
    shares = np.array([won, lost, videos - won - lost]) / videos
    drawn = draws.multinomial(videos, shares, size=resamples)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile((drawn[:, 0] - drawn[:, 1]) / videos, [tail, 1 - tail])
    p_value = binomtest(won, won + lost).pvalue if won + lost else 1.0
    return Gain(
        name,
        videos,
        float(baseline.mean()),
        float(other.mean()),
        float(low),
        float(high),
        won,
        lost,
        float(p_value),
    )
