from collections.abc import Callable, Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from gsf_tf.errors import UserError
from gsf_tf.evaluation.scores import Scores
from gsf_tf.tasks import task_logits


def score_videos(
    model: keras.Model,
    dataset: tf.data.Dataset,
    class_names: Sequence[str] | Mapping[str, Sequence[str]],
    *,
    views_per_step: int = 16,
    strategy: tf.distribute.Strategy | None = None,
    on_step: Callable[[int], None] = lambda videos: None,
) -> Scores:
    """Runs a model over every view of every video and averages the logits of a video's views.

    The result does not depend on the batches of the dataset, on `views_per_step` or on the number
    of devices. Each step takes `views_per_step` views, from however many videos; the last step is
    padded with black views whose logits are dropped. Memory holds a few steps and the averages.

    Args:
        model: Model from clips `[b, T, H, W, 3]` to logits `[b, K]`, or to a dictionary with the
            logits of each task.
        dataset: `tf.data.Dataset` of (clip, label, id), as `video_dataset_from_records` returns it
            with `clip_ids=True`. Clips are `[B, T, H, W, 3]`, or `[B, V, T, H, W, 3]` with V views;
            labels are int32 `[B]`, or a dictionary with those of each task.
        class_names: Names of the K classes; for a multi-task model a dictionary with the names of
            each task.
        views_per_step: Views that run through the model at once, on all devices together, at least
            1; rounded up to a multiple of the number of devices.
        strategy: `tf.distribute.Strategy` under which the model was built; by default one device.
        on_step: Function that is called after each step with the number of videos that are
            complete.

    Returns:
        The `Scores` of all videos.

    Raises:
        UserError: If there is no video, a logit is not finite, or the numbers of outputs and of
            names differ.

    Reference:
        Logits, not probabilities, are averaged over clips and crops, as in the authors' code; GSF
        paper, section 4.1.
    """
    strategy = strategy or tf.distribute.get_strategy()
    class_names = task_logits(class_names)
    _check_outputs(model, class_names)
    replicas = strategy.num_replicas_in_sync
    views_per_step = -(-views_per_step // replicas) * replicas
    shape = dataset.element_spec[0].shape
    views = shape[1] if shape.rank == 6 else 1
    step = _distributed(model, strategy, views_per_step)

    seen, ids, labels = 0, [], {task: [] for task in class_names}
    means = {task: _Means(views, len(names)) for task, names in class_names.items()}
    for clip, label, name in _steps(dataset, views, views_per_step):
        first = -seen % views
        seen += len(name)
        ids.append(name[first::views].numpy())
        for task, values in task_logits(label).items():
            labels[task].append(values[first::views].numpy())
        for task, rows in step(clip).items():
            means[task].add(rows[: len(name)])
        on_step(seen // views)
    if not seen:
        raise UserError("A split must have at least one video. Received: an empty split")
    scores = Scores(
        np.char.decode(np.concatenate(ids).astype(bytes), "utf-8"),
        {task: mean.result() for task, mean in means.items()},
        {task: np.concatenate(values) for task, values in labels.items()},
        class_names,
    )
    _check_finite(scores)
    return scores


def _check_outputs(model, class_names):
    outputs = {task: logits.shape[-1] for task, logits in task_logits(model.output).items()}
    names = {task: len(names) for task, names in class_names.items()}
    if outputs != names:
        raise UserError(
            "The model must have an output for every class of the records. Received: outputs "
            f"{outputs}, classes {names}."
        )


def _check_finite(scores):
    for task, logits in scores.logits.items():
        bad = ~np.isfinite(logits).all(axis=1)
        if bad.any():
            raise UserError(
                f"Logits must be finite numbers. Received: others for {bad.sum()} of {len(scores)} "
                f"videos ({task}), first for {scores.ids[np.argmax(bad)]!r}. The weights are "
                "damaged, or the model's precision is too low."
            )


def _steps(dataset, views, views_per_step):
    """Returns a dataset of views `[n, T, H, W, 3]`, each with the label and id of its video."""

    def flatten(clip, label, name):
        def repeat(values):
            return tf.repeat(values, views)

        clip = tf.reshape(clip, [-1, *clip.shape[-4:]])
        return clip, tf.nest.map_structure(repeat, label), repeat(name)

    return dataset.map(flatten).rebatch(views_per_step).prefetch(tf.data.AUTOTUNE)


def _distributed(model, strategy, views_per_step):
    """Returns a function from at most `views_per_step` views to each task's logits, NumPy."""
    replicas = strategy.num_replicas_in_sync

    @tf.function(autograph=False, reduce_retracing=True)
    def run(clip):
        return strategy.run(lambda clip: task_logits(model(clip, training=False)), args=(clip,))

    def step(clip):
        # Padding gives all steps one shape, and every device a view.
        short = views_per_step - len(clip)
        clip = tf.pad(clip, [[0, short]] + [[0, 0]] * 4) if short else clip
        parts = tf.split(clip, replicas)
        logits = run(
            strategy.experimental_distribute_values_from_function(
                lambda context: parts[context.replica_id_in_sync_group]
            )
        )
        return {
            task: np.concatenate([
                part.numpy() for part in strategy.experimental_local_results(values)
            ])
            for task, values in logits.items()
        }  # fmt: skip

    return step


class _Means:
    """Means over every `views` rows of a stream, independent of how the stream is cut."""

    def __init__(self, views, classes):
        self._views = views
        self._pending = np.zeros((0, classes), np.float32)
        self._done = []

    def add(self, rows):
        rows = np.concatenate([self._pending, rows])
        whole = len(rows) // self._views * self._views
        by_video = rows[:whole].reshape(-1, self._views, rows.shape[1])
        self._done.append(by_video.mean(axis=1, dtype=np.float64).astype(np.float32))
        self._pending = rows[whole:]

    def result(self):
        return np.concatenate(self._done)
