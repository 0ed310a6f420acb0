import logging
import warnings

import numpy as np

from gsf_tf.errors import UserError
from gsf_tf.evaluation.class_table import save_class_table
from gsf_tf.evaluation.figures import confusion_figure
from gsf_tf.evaluation.metrics import task_metrics
from gsf_tf.tasks import ACTION


def write_evaluation(workdir, name, scores, describe, *, title, scores_csv=False):
    """Writes all files of an evaluation.

    | file | content |
    |---|---|
    | `eval_<name>.json` | the metrics and their description |
    | `scores_<name>.npz` | the scores |
    | `per_class_<name>.csv` | accuracy and most frequent confusion of each class |
    | `confusion_<name>.npy` | int32 `[K, K]`, rows the true classes |
    | `confusion_<name>.png` | a picture of it |

    The last three are written for each task; the names of a task other than the action end in the
    name of the task. The pictures come last. One that cannot be drawn is named in a warning, and
    the other files stay.

    Args:
        workdir: `Workdir` to write into; its folder is created if it does not exist.
        name: Name of the evaluation, such as `"accuracy"`.
        scores: `Scores` of the evaluation.
        describe: Function from the metrics to a dictionary that the JSON file holds beside them.
        title: Title of the picture.
        scores_csv: Whether to write `scores_<name>.csv` as well.

    Returns:
        The content of the JSON file, a dictionary.

    Raises:
        UserError: If a file cannot be written.
    """
    try:
        return _write(workdir, name, scores, describe, title, scores_csv)
    except OSError as error:
        raise UserError(
            "The folder of the results must be writable and have room. "
            f"Received: {workdir.path} ({error})"
        ) from error


def _write(workdir, name, scores, describe, title, scores_csv):
    metrics, by_task = task_metrics(scores)
    workdir.path.mkdir(parents=True, exist_ok=True)
    scores.save(workdir.path / f"scores_{name}.npz")
    for task, of_task in by_task.items():
        stem = name if task == ACTION else f"{name}_{task}"
        save_class_table(workdir.path / f"per_class_{stem}.csv", of_task)
        confusion = of_task["confusion"].astype(np.int32)
        np.save(workdir.path / f"confusion_{stem}.npy", confusion)
        if scores_csv:
            scores.save_csv(workdir.path / f"scores_{stem}.csv", task)
    # Written last: where this file exists, all others but the pictures do too.
    report = {**describe(metrics), "n": len(scores), **metrics}
    workdir.write_json(f"eval_{name}", report)
    for task, of_task in by_task.items():
        stem = name if task == ACTION else f"{name}_{task}"
        path = workdir.path / f"confusion_{stem}.png"
        _draw(path, {title: of_task["confusion"]}, scores.class_names[task])
    return report


def _draw(path, matrices, class_names):
    """Draws a picture, without which the figures are as good."""
    try:
        with warnings.catch_warnings():
            # A character that no font has is drawn as a box.
            warnings.filterwarnings("ignore", "Glyph .* missing from font")
            confusion_figure(matrices, class_names).savefig(path, dpi=100, bbox_inches="tight")
    except Exception as error:  # Whatever matplotlib raises: fonts, memory, a full disk.
        reason = " ".join(str(error).split()) or type(error).__name__
        logging.getLogger(__name__).warning("%s could not be drawn: %s", path, reason)
