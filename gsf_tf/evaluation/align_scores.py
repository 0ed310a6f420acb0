"""Brings the scores of several models into one order, after it has checked that they fit."""

from gsf_tf.errors import UserError, name_some


def align_scores(dumps, purpose):
    """Returns the scores of several models for the same videos, in the order of the first.

    Args:
        dumps: Dictionary from a name, such as that of the file, to `Scores`.
        purpose: What is done with them, for the message, such as `"fused"`.

    Returns:
        A list of `Scores` with the same ids, labels and classes.

    Raises:
        UserError: If tasks, classes, videos or labels differ. The message names the differences.
    """
    first_name, first = next(iter(dumps.items()))
    for name, scores in dumps.items():
        if scores.fingerprints != first.fingerprints:
            raise UserError(
                f"Scores that are {purpose} must be of the same tasks and classes. Received: "
                f"{_describe_classes(first_name, first)}, {_describe_classes(name, scores)}. "
                "Evaluate both on the same records."
            )
    _check_videos(dumps, purpose)
    aligned = [_in_order(scores, first.ids) for scores in dumps.values()]
    for name, scores in zip(dumps, aligned, strict=True):
        for task, labels in first.labels.items():
            differs = scores.labels[task] != labels
            if differs.any():
                raise UserError(
                    f"A video must have the same label in all scores that are {purpose}. Received: "
                    f"{first.ids[differs.argmax()]!r} and {differs.sum() - 1} more, whose "
                    f"{task} differs between {first_name} and {name}. Evaluate both on the same "
                    "records."
                )
    return aligned


def _check_videos(dumps, purpose):
    everywhere = set().union(*(scores.ids.tolist() for scores in dumps.values()))
    lines = []
    for name, scores in dumps.items():
        missing = sorted(everywhere.difference(scores.ids.tolist()))
        if missing:
            lines.append(f"{name} lacks {name_some(missing)}")
    if lines:
        raise UserError(
            f"Scores that are {purpose} must be of the same videos. Received: {'; '.join(lines)}. "
            "Evaluate all models on the same split of the same records."
        )


def _describe_classes(name, scores):
    classes = ", ".join(f"{len(names)} {task}" for task, names in scores.class_names.items())
    return f"{name} with classes {classes}"


def _in_order(scores, ids):
    places = {name: place for place, name in enumerate(scores.ids.tolist())}
    return scores.select([places[name] for name in ids.tolist()])
