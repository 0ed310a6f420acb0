import numpy as np
from sklearn.metrics import confusion_matrix, recall_score

from gsf_tf.tasks import ACTION, task_prefix

_METRICS = ("top1", "top5", "mean_class_accuracy")


def classification_metrics(logits, label, class_names):
    """Computes the metrics of an evaluation.

    Args:
        logits: Float array `[N, K]`, one row per video.
        label: Integer array `[N]` in 0..K-1.
        class_names: K names.

    Returns:
        Dictionary: `n`; `top1`, `top5` and `mean_class_accuracy` in 0..1 (the last over the
        classes that occur); `per_class`: accuracy by name, None for a class without a video;
        `confusion`: integer array `[K, K]`, rows the true classes, columns the predicted ones.

    Raises:
        ValueError: If there is no video, or the shapes do not belong together.
    """
    logits, label = np.asarray(logits), np.asarray(label)
    classes = len(class_names)
    if logits.shape != (len(label), classes) or not len(label):
        raise ValueError(
            "`logits` must be [videos, classes] with a label per video and a name per class, and "
            f"at least one video. Received: logits {logits.shape}, label {label.shape}, "
            f"{classes} names"
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


def task_metrics(scores):
    """Computes the metrics of every task.

    Args:
        scores: `Scores`.

    Returns:
        `(metrics, by_task)`. `metrics` is ready for JSON: `top1`, `top5` and
        `mean_class_accuracy` of the action; for a multi-task model the same of the other tasks
        with their names before them, as `verb_top1`, and the share of videos of which all of them
        are right, as `verb_noun_top1`. `by_task` has the `classification_metrics` of each task.

    Reference:
        GSF paper, Table 10: verb, noun and action of EPIC-Kitchens-100. There the action is what
        its own linear layer says; `verb_noun_top1` is the stricter reading, that the linear layers
        of verb and noun are right together.
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
