"""The same videos with their frames in other orders."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from gsf_tf.evaluation import frame_order_figure, score_frame_orders
from gsf_tf.evaluation.frame_orders import FRAME_ORDERS

NAMES = ["rising", "falling"]
# Six videos of five gray frames each; the brightness of every other one falls.
LEVELS = np.stack([np.arange(5) * 20 + shift for shift in (0, 10, 20, 30, 40, 50)])
LEVELS[1::2] = LEVELS[1::2, ::-1]
LABELS = np.array([0, 1] * 3, "int32")


def gray(levels):
    return np.broadcast_to(levels[..., None, None, None], (*levels.shape, 4, 4, 3)).astype("uint8")


def dataset(clips, batch_size=4):
    ids = np.array([f"s:{i} v".encode() for i in range(len(LABELS))])
    return tf.data.Dataset.from_tensor_slices((clips, LABELS, ids)).batch(batch_size)


def model(head):
    """A model of the brightness of each frame `[B, 5]`."""
    clip = keras.Input((5, 4, 4, 3))
    brightness = keras.ops.mean(keras.ops.cast(clip, "float32"), axis=(2, 3, 4))
    return keras.Model(clip, head(brightness))


def slope(brightness):
    rise = brightness[:, 4:] - brightness[:, :1]
    return keras.ops.concatenate([rise, -rise], axis=1)


def brightness_sum(brightness):
    return keras.ops.sum(brightness, axis=1, keepdims=True) * np.array([[1.0, 0.5]], "float32")


def accuracy(scores):
    return (scores.logits["action"].argmax(axis=1) == scores.labels["action"]).mean()


def test_a_model_of_the_order_is_right_forwards_and_wrong_backwards():
    by_order = score_frame_orders(model(slope), dataset(gray(LEVELS)), NAMES)
    assert tuple(by_order) == FRAME_ORDERS
    assert accuracy(by_order["as_is"]) == 1 and accuracy(by_order["reversed"]) == 0
    # Without a rise both logits are 0, and the first class is taken.
    assert not by_order["one_frame"].logits["action"].any()
    figure = frame_order_figure(by_order)
    widths = [bar.get_width() for bar in figure.axes[0].patches]
    np.testing.assert_allclose([widths[0], widths[1], widths[3]], [100, 0, 50])
    assert figure.axes[0].texts[1].get_text() == "0.0 %, same class for 0%"


def test_a_model_without_order_does_not_see_it():
    """The middle frame has the mean brightness, so five of it have the same sum."""
    orders = ["shuffled", "one_frame"]
    by_order = score_frame_orders(
        model(brightness_sum), dataset(gray(LEVELS)), NAMES, orders=orders
    )
    sums = 5 * LEVELS[:, 2, None] * np.array([[1.0, 0.5]])
    for order in orders:
        np.testing.assert_allclose(by_order[order].logits["action"], sums, rtol=1e-5)


def test_shuffled_frames_are_those_of_the_clip_in_an_order_of_the_seed():
    def seen(seed, views):
        clips = gray(np.stack([LEVELS, LEVELS + 5], axis=1)) if views else gray(LEVELS)
        first = model(lambda x: x[:, :2])
        scores = score_frame_orders(first, dataset(clips), NAMES, orders=["shuffled"], seed=seed)
        return scores["shuffled"].logits["action"]

    once = seen(0, views=False)
    np.testing.assert_array_equal(seen(0, views=False), once)
    assert (seen(1, views=False) != once).any()
    for row, levels in zip(once, LEVELS, strict=True):
        assert set(row) < set(levels) and len(set(row)) == 2
    # Not the same order for all clips.
    places = [tuple(np.searchsorted(np.sort(LEVELS[i]), row)) for i, row in enumerate(once)]
    assert len(set(places)) > 2
    assert seen(0, views=True).shape == (6, 2)


def test_an_unknown_order_is_refused():
    with pytest.raises(ValueError, match=r"some of as_is, reversed.*\['backwards'\]"):
        score_frame_orders(model(slope), dataset(gray(LEVELS)), NAMES, orders=["backwards"])
