from collections.abc import Mapping

import numpy as np
from scipy.special import log_softmax, logsumexp

from gsf_tf.evaluation.align_scores import align_scores
from gsf_tf.evaluation.scores import Scores

MEANS = ("logits", "probabilities")


def fuse_scores(dumps: Mapping[str, Scores], mean: str = "logits") -> Scores:
    """Averages the scores of several models for the same videos, as an ensemble.

    Args:
        dumps: Dictionary from a name, such as that of the file, to `Scores`. All have the same
            weight. The order of their videos may differ.
        mean: `"logits"`, the mean of the logits, as the authors' code averages the views of a
            video; or `"probabilities"`, the mean of the softmax, for models whose logits differ in
            scale.

    Returns:
        `Scores` in the order of the first. With `"probabilities"`, their logits are the logarithms
        of the mean probabilities.

    Raises:
        UserError: If tasks, classes, videos or labels differ. The message names the differences.
        ValueError: If `mean` is unknown.
    """
    _check_means(mean)
    first, *_ = aligned = align_scores(dumps, "fused")
    logits = {task: _mean([s.logits[task] for s in aligned], mean) for task in first.logits}
    return Scores(first.ids, logits, first.labels, first.class_names)


def _check_means(mean):
    if mean not in MEANS:
        raise ValueError(f"`mean` must be one of {', '.join(MEANS)}. Received: mean={mean!r}")


def _mean(logits, mean):
    stacked = np.stack(logits).astype(np.float64)
    if mean == "probabilities":
        stacked = logsumexp(log_softmax(stacked, axis=-1), axis=0) - np.log(len(stacked))
        return stacked.astype(np.float32)
    return stacked.mean(axis=0).astype(np.float32)
