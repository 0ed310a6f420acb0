import numpy as np

from gsf_tf.errors import UserError
from gsf_tf.evaluation.class_table import save_class_table
from gsf_tf.evaluation.figures import confusion_figure
from gsf_tf.evaluation.metrics import task_metrics
from gsf_tf.tasks import ACTION


def write_evaluation(workdir, name, scores, describe, *, title, scores_csv=False):
    """Writes all files of an evaluation.

    `eval_<name>.json` the metrics and what they are of, `scores_<name>.npz` the scores; for each
    task `per_class_<name>.csv`, `confusion_<name>.npy` (int32 `[K, K]`, rows the true classes) and
    `confusion_<name>.png`. Files of a task other than the action have its name at the end.

    Args:
        workdir: `Workdir` to write into; its folder is made if it is not there.
        name: Name of the evaluation, as `"accuracy"`.
        scores: `Scores`.
        describe: Function from the metrics to what else the JSON file says.
        title: Title of the picture.
        scores_csv: Also write `scores_<name>.csv`.

    Returns:
        What was written to the JSON file.

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
        picture = confusion_figure({title: confusion}, scores.class_names[task])
        path = workdir.path / f"confusion_{stem}.png"
        picture.savefig(path, dpi=100, bbox_inches="tight")
        if scores_csv:
            scores.save_csv(workdir.path / f"scores_{stem}.csv", task)
    # The metrics come last, so that all that belongs to them is there.
    report = {**describe(metrics), "n": len(scores), **metrics}
    workdir.write_json(f"eval_{name}", report)
    return report
