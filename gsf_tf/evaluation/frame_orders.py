"""How much a trained model uses the order of the frames: the same videos with another order."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf
from matplotlib.figure import Figure

from gsf_tf.evaluation.class_bars import bar_figure
from gsf_tf.evaluation.scores import Scores
from gsf_tf.evaluation.scoring import score_videos
from gsf_tf.tasks import ACTION

FRAME_ORDERS = ("as_is", "reversed", "shuffled", "one_frame")
TITLES = {
    "as_is": "as they are",
    "reversed": "reversed",
    "shuffled": "shuffled",
    "one_frame": "the middle frame, repeated",
}


def score_frame_orders(
    model: keras.Model,
    dataset: tf.data.Dataset,
    class_names: Sequence[str] | Mapping[str, Sequence[str]],
    *,
    orders: Sequence[str] = FRAME_ORDERS,
    seed: int = 0,
    views_per_step: int = 16,
    on_order: Callable[[str], Any] = lambda order: None,
) -> dict[str, Scores]:
    """Scores the same videos with their frames in other orders.

    A model that uses the order loses accuracy with each of them; a model without temporal layers
    has the same logits for all orders but `"one_frame"`.

    Args:
        model: As in `score_videos`.
        dataset: As in `score_videos`.
        class_names: As in `score_videos`.
        orders: Some of `"as_is"`; `"reversed"`, the last frame first; `"shuffled"`, an order that
            is drawn for each clip; and `"one_frame"`, the middle frame in place of all.
        seed: Seed of the drawn orders.
        views_per_step: As in `score_videos`.
        on_order: Function that is called with the name of each order before it is scored.

    Returns:
        A dictionary from each order to its `Scores`.

    Raises:
        ValueError: If an order is unknown.
        UserError: As in `score_videos`.

    Example:

    ```python
    by_order = gsf_tf.evaluation.score_frame_orders(model, dataset, dataset.class_names)
    gsf_tf.evaluation.frame_order_figure(by_order).savefig("orders.png")
    ```
    """
    unknown = [order for order in orders if order not in FRAME_ORDERS]
    if unknown:
        raise ValueError(
            f"`orders` must be some of {', '.join(FRAME_ORDERS)}. Received: orders={unknown}"
        )
    results = {}
    for order in orders:
        on_order(order)
        results[order] = score_videos(
            model, _reordered(dataset, order, seed), class_names, views_per_step=views_per_step
        )
    return results


def frame_order_figure(by_order: Mapping[str, Scores], title: str = "") -> Figure:
    """Draws the top-1 accuracy of each order of the frames.

    Beside the bars stands the share of the videos whose predicted class is that of the first order.

    Args:
        by_order: Result of `score_frame_orders`.
        title: Title of the picture.

    Returns:
        A matplotlib figure; `figure.savefig(path)` writes it to a file.
    """
    first = next(iter(by_order.values()))
    accuracies, kept = [], []
    for scores in by_order.values():
        predicted = scores.logits[ACTION].argmax(axis=1)
        accuracies.append(100 * float((predicted == scores.labels[ACTION]).mean()))
        kept.append(float((predicted == first.logits[ACTION].argmax(axis=1)).mean()))
    figure, axes = bar_figure(
        [TITLES[order] for order in by_order],
        accuracies,
        title=title,
        xlabel="Top-1 accuracy, %",
        notes=[
            f"{accuracy:.1f} %, same class for {share:.0%}"
            for accuracy, share in zip(accuracies, kept, strict=True)
        ],
    )
    axes.set_xlim(0, 100)
    return figure


def _reordered(dataset, order, seed):
    """Returns the dataset with the frames of each clip `[..., T, H, W, 3]` in another order."""
    if order == "as_is":
        return dataset

    def change(number, batch):
        clip, *others = batch
        return (_change_order(clip, order, [seed, number]), *others)

    numbered = tf.data.Dataset.zip((tf.data.Dataset.counter(), dataset))
    return numbered.map(change)


def _change_order(clip, order, seed):
    axis = len(clip.shape) - 4
    frames = clip.shape[axis]
    if order == "reversed":
        return tf.reverse(clip, [axis])
    if order == "one_frame":
        return tf.gather(clip, [frames // 2] * frames, axis=axis)
    lead = tf.shape(clip)[: axis + 1]
    seed = tf.stack([tf.cast(part, tf.int64) for part in seed])
    places = tf.argsort(tf.random.stateless_uniform(lead, seed), axis=-1)
    return tf.gather(clip, places, axis=axis, batch_dims=axis)
