import keras
import numpy as np
import pytest
import tensorflow as tf

from gsf_tf.training import CoupledSGD
from gsf_tf.training.steps import train_step


def take_step(labels, label_smoothing=0.0):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input([2, 4, 4, 3]), keras.layers.Flatten(),
                              keras.layers.Dense(3)])  # fmt: skip
    optimizer = CoupledSGD(0.1)
    optimizer.build(model.trainable_variables)
    clips = tf.constant(np.random.default_rng(0).random([4, 2, 4, 4, 3]), tf.float32)
    logits = model(clips).numpy().astype(np.float64)
    sums = train_step(model, optimizer, clips, tf.constant(labels),
                      global_batch_size=4, label_smoothing=label_smoothing)  # fmt: skip
    return {name: float(value) for name, value in sums.items()}, logits, model.get_weights()


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
def test_one_hot_labels_are_integer_labels(label_smoothing):
    labels = np.array([0, 2, 1, 1], np.int32)
    by_index, _, weights = take_step(labels, label_smoothing)
    by_share, _, other_weights = take_step(np.eye(3, dtype=np.float32)[labels], label_smoothing)
    assert by_index == by_share
    for first, second in zip(weights, other_weights, strict=True):
        np.testing.assert_array_equal(first, second)


def test_mixed_labels_have_the_mixed_loss():
    shares = np.array([[0.3, 0.7, 0], [1, 0, 0], [0, 0.4, 0.6], [0.2, 0, 0.8]], np.float32)
    sums, logits, _ = take_step(shares)
    log_softmax = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    assert sums["loss"] == pytest.approx(-(shares * log_softmax).sum(), rel=1e-5)
    assert sums["top1"] == (logits.argmax(1) == [1, 0, 2, 2]).sum()
    assert sums["clips"] == 4
