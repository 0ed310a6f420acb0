from collections.abc import Mapping, Sequence

import numpy as np
from scipy.special import log_softmax, logsumexp

from gsf_tf.errors import UserError
from gsf_tf.evaluation.align_scores import align_scores
from gsf_tf.evaluation.scores import Scores

MEANS = ("logits", "probabilities")


def fuse_scores(
    dumps: Mapping[str, Scores], mean: str = "logits", weights: Sequence[float] | None = None
) -> Scores:
    """Averages the scores of several models for the same videos, as an ensemble.

    Args:
        dumps: Dictionary from a name, such as that of the file, to `Scores`. The order of their
            videos may differ.
        mean: `"logits"`, the mean of the logits, as the authors' code averages the views of a
            video; or `"probabilities"`, the mean of the softmax, for models whose logits differ in
            scale.
        weights: A weight for each of `dumps`, in their order, at least 0 and not all 0; only their
            ratios count. By default all are equal.

    Returns:
        `Scores` in the order of the first. With `"probabilities"`, their logits are the logarithms
        of the mean probabilities.

    Raises:
        UserError: If tasks, classes, videos or labels differ. The message names the differences.
            If `weights` are not as many as `dumps`, or one is not a finite number of at least 0.
        ValueError: If `mean` is unknown.

    Example:

    ```python
    files = [f"runs/{frames}f/scores_accuracy.npz" for frames in (8, 12, 16, 24)]
    dumps = {file: Scores.load(file) for file in files}
    ensemble = fuse_scores(dumps, weights=(1, 1, 2, 2))
    ```
    """
    _check_means(mean)
    weights = _shares(weights, dumps)
    first, *_ = aligned = align_scores(dumps, "fused")
    logits = {
        task: _mean([scores.logits[task] for scores in aligned], mean, weights)
        for task in first.logits
    }
    return Scores(first.ids, logits, first.labels, first.class_names)


def _check_means(mean):
    if mean not in MEANS:
        raise ValueError(f"`mean` must be one of {', '.join(MEANS)}. Received: mean={mean!r}")


def _shares(weights, dumps):
    """Returns the weights as float64 with a sum of 1."""
    if weights is None:
        return np.full(len(dumps), 1 / len(dumps))
    numbers = np.asarray(weights, np.float64)
    is_right = numbers.shape == (len(dumps),) and np.isfinite(numbers).all()
    if not is_right or numbers.min() < 0 or numbers.sum() == 0:
        raise UserError(
            f"`weights` must be {len(dumps)} numbers of at least 0, one for each of the scores, "
            f"and not all 0. Received: weights={list(weights)}. Leave them out for equal weights."
        )
    return numbers / numbers.sum()


def _mean(logits, mean, weights):
    """The weighted mean of arrays `[N, K]`; for probabilities, its logarithm."""
    stacked, weights = np.stack(logits).astype(np.float64), weights[:, None, None]
    if mean == "probabilities":
        fused = logsumexp(log_softmax(stacked, axis=-1), axis=0, b=weights)
    else:
        fused = (weights * stacked).sum(axis=0)
    return fused.astype(np.float32)
