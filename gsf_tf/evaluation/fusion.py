from collections.abc import Mapping, Sequence

import numpy as np
from scipy.special import log_softmax, logsumexp

from gsf_tf.errors import UserError
from gsf_tf.evaluation.scores import Scores

MEANS = ("logits", "probabilities")
_NAMED = 5


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
    first_name, first = next(iter(dumps.items()))
    for name, scores in dumps.items():
        if scores.fingerprints != first.fingerprints:
            raise UserError(
                "Scores that are fused must be of the same tasks and classes. Received: "
                f"{_describe_classes(first_name, first)}, {_describe_classes(name, scores)}. "
                "Evaluate both on the same records."
            )
    _check_videos(dumps)
    aligned = [_in_order(scores, first.ids) for scores in dumps.values()]
    for name, scores in zip(dumps, aligned, strict=True):
        for task, labels in first.labels.items():
            differs = scores.labels[task] != labels
            if differs.any():
                raise UserError(
                    "A video must have the same label in all scores that are fused. Received: "
                    f"{first.ids[np.argmax(differs)]!r} and {differs.sum() - 1} more, whose "
                    f"{task} differs between {first_name} and {name}. Evaluate both on the same "
                    "records."
                )
    logits = {
        task: _mean([scores.logits[task] for scores in aligned], mean, weights)
        for task in first.logits
    }
    return Scores(first.ids, logits, first.labels, first.class_names)


def _check_means(mean):
    if mean not in MEANS:
        raise ValueError(f"`mean` must be one of {', '.join(MEANS)}. Received: mean={mean!r}")


def _check_videos(dumps):
    everywhere = set().union(*(scores.ids.tolist() for scores in dumps.values()))
    lines = []
    for name, scores in dumps.items():
        missing = sorted(everywhere.difference(scores.ids.tolist()))
        if missing:
            more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
            lines.append(f"{name} lacks {', '.join(missing[:_NAMED])}{more}")
    if lines:
        raise UserError(
            f"Scores that are fused must be of the same videos. Received: {'; '.join(lines)}. "
            "Evaluate all models on the same split of the same records."
        )


def _describe_classes(name, scores):
    classes = ", ".join(f"{len(names)} {task}" for task, names in scores.class_names.items())
    return f"{name} with classes {classes}"


def _in_order(scores, ids):
    places = {name: place for place, name in enumerate(scores.ids.tolist())}
    return scores.select([places[name] for name in ids.tolist()])


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
