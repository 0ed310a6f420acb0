from collections.abc import Mapping

import numpy as np
from scipy.special import log_softmax, logsumexp

from gsf_tf.errors import UserError
from gsf_tf.evaluation.scores import Scores

MEANS = ("logits", "probabilities")
_NAMED = 5


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
    logits = {task: _mean([s.logits[task] for s in aligned], mean) for task in first.logits}
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


def _mean(logits, mean):
    stacked = np.stack(logits).astype(np.float64)
    if mean == "probabilities":
        stacked = logsumexp(log_softmax(stacked, axis=-1), axis=0) - np.log(len(stacked))
        return stacked.astype(np.float32)
    return stacked.mean(axis=0).astype(np.float32)
