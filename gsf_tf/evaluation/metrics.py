from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.metrics import confusion_matrix, recall_score

from gsf_tf.evaluation.scores import Scores
from gsf_tf.tasks import ACTION, task_prefix

_METRICS = ("top1", "top5", "mean_class_accuracy")


def classification_metrics(
    logits: np.ndarray, label: np.ndarray, class_names: Sequence[str]
) -> dict[str, Any]:
    """Computes the metrics of one task of an evaluation.

    Args:
        logits: Float array `[N, K]`, one row per video, N at least 1.
        label: Integer array `[N]` in 0..K-1.
        class_names: Names of the K classes.

    Returns:
        A dictionary with these keys:

        * `n`: the number of videos.
        * `top1`, `top5`: accuracies in 0..1.
        * `mean_class_accuracy`: mean of the accuracies of the classes that occur, in 0..1.
        * `per_class`: dictionary from the name of each class to its accuracy, None for a class
          without videos.
        * `confusion`: integer array `[K, K]`; rows are the true classes, columns the predicted
          ones.

    Raises:
        ValueError: If there is no video, or the shapes do not agree.
    """
    logits, label = np.asarray(logits), np.asarray(label)
    classes = len(class_names)
    if logits.shape != (len(label), classes) or not len(label):
        raise ValueError(
            "`logits` must be [videos, classes] with a label per video and a name per class, and "
            f"at least one video. Received: logits of shape {logits.shape}, label of shape "
            f"{label.shape}, {classes} names"
        )
    order = np.argsort(-logits, axis=1, kind="stable")
    indices = np.arange(classes)
    predicted = order[:, 0]
    occurring = np.unique(label)
    recall = recall_score(label, predicted, labels=indices, average=None, zero_division=np.nan)
    return {
        "n": len(label),
        "top1": float(np.mean(predicted == label)),
        "top5": float(np.mean((order[:, :5] == label[:, None]).any(axis=1))),
        "mean_class_accuracy": float(np.mean(recall[occurring])),
        "per_class": {
            name: None if np.isnan(value) else float(value)
            for name, value in zip(class_names, recall, strict=True)
        },
        "confusion": confusion_matrix(label, predicted, labels=indices),
    }


def task_metrics(scores: Scores) -> tuple[dict[str, float], dict[str, dict[str, Any]]]:
    """Computes the metrics of every task.

    Args:
        scores: `Scores` of the evaluation.

    Returns:
        A pair `(metrics, by_task)`. `metrics` can be written as JSON. It holds `top1`, `top5` and
        `mean_class_accuracy` of the action, in 0..1; for a multi-task model also those of the other
        tasks, with the task as prefix (`verb_top1`), and the share of videos for which all of these
        are right (`verb_noun_top1`). `by_task` is a dictionary from each task to its
        `classification_metrics`.

    Reference:
        GSF paper, Table 10: verb, noun and action of EPIC-Kitchens-100. There the action is
        predicted by a linear layer of its own; `verb_noun_top1` is the stricter reading, that the
        linear layers of verb and noun are both right.
    """
    by_task = {
        task: classification_metrics(logits, scores.labels[task], scores.class_names[task])
        for task, logits in scores.logits.items()
    }
    parts = [task for task in by_task if task != ACTION]
    metrics = {
        f"{task_prefix(task)}{name}": by_task[task][name]
        for task in sorted(by_task, key=lambda task: task != ACTION)
        for name in _METRICS
    }
    if len(parts) > 1:
        right = [scores.logits[part].argmax(axis=1) == scores.labels[part] for part in parts]
        metrics[f"{'_'.join(parts)}_top1"] = float(np.mean(np.all(right, axis=0)))
    return metrics, by_task
