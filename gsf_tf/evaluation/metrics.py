import numpy as np
from sklearn.metrics import confusion_matrix, recall_score


def classification_metrics(logits, label, class_names):
    """Computes the figures of an evaluation.

    Args:
        logits: Float array `[N, K]`, one row per video.
        label: Integer array `[N]` in 0..K-1.
        class_names: K names.

    Returns:
        Dictionary, ready for JSON: `n`; `top1`, `top5` and `mean_class_accuracy` in 0..1 (the last
        over the classes that occur); `per_class`: accuracy by name, None for a class without
        a video; `confusion`: K rows (true class) of K counts (predicted class).

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
        "confusion": confusion_matrix(label, predicted, labels=indices).tolist(),
    }
