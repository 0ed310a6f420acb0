import keras
import numpy as np
import pytest
import tensorflow as tf

from gsf_tf.layers import BatchNormalization
from gsf_tf.layers.gated_shift import GatedShift
from gsf_tf.models import from_preset
from gsf_tf.models.layer_lookup import find_layers
from gsf_tf.training.batch_norm import configure_batch_norm
from gsf_tf.training.batch_statistics import BatchStatistics, learning_normalizations
from gsf_tf.training.random_states import random_states

# Clips that are unlike each other, as those of few scenes.
RNG = np.random.default_rng(0)
CLIPS = (RNG.normal(size=(6, 2, 4, 4, 3)) + 5 * RNG.normal(size=(6, 1, 1, 1, 3))).astype("float32")
LABELS = np.arange(6, dtype="int32") % 3
ONE, TWO = ["CPU:0"], ["CPU:0", "CPU:1"]


def strategy_of(devices):
    return tf.distribute.MirroredStrategy(
        devices, cross_device_ops=tf.distribute.ReductionToOneDevice()
    )


def normalized(layer):
    """A model that begins with a normalization, so that NumPy knows its statistics."""
    inputs = keras.Input((2, 4, 4, 3))
    x = layer(keras.ops.reshape(inputs, (-1, 4, 4, 3)))
    x = keras.layers.Dropout(0.5)(keras.ops.reshape(x, (-1, 96)))
    return keras.Model(inputs, keras.layers.Dense(3, name="classifier")(x))


def divided(strategy, clips, labels):
    if strategy.num_replicas_in_sync == 1:
        return tf.constant(clips), tf.constant(labels)
    clips, labels = np.array_split(clips, 2), np.array_split(labels, 2)
    values = strategy.experimental_distribute_values_from_function
    return tuple(
        values(lambda context, part=part: tf.constant(part[context.replica_id_in_sync_group]))
        for part in (clips, labels)
    )


@pytest.mark.parametrize("devices", [ONE, TWO], ids=["one device", "two devices"])
@pytest.mark.parametrize("kind", [keras.layers.BatchNormalization, BatchNormalization])
def test_they_are_those_of_the_population(kind, devices):
    """Of batches of unequal sizes, and of the unequal shares of two devices."""
    strategy = strategy_of(devices)
    keras.utils.set_random_seed(0)
    with strategy.scope():
        layer = kind(momentum=0.9, epsilon=1e-5)
        model = normalized(layer)
    statistics = BatchStatistics(model, strategy)
    before = [np.array(weight) for weight in model.weights]
    with statistics.kept():
        for part in (slice(0, 4), slice(4, 5), slice(5, 6)):
            statistics.add(divided(strategy, CLIPS[part], LABELS[part]), counts=part.stop < 6)
        statistics.estimate()
        values = CLIPS[:5].reshape(-1, 3).astype("float64")
        np.testing.assert_allclose(layer.moving_mean, values.mean(0), rtol=1e-5, atol=1e-6)
        # Keras' variances are biased, ours are not: N / (N - 1) of the 32 values of one clip.
        rtol = 1e-5 if kind is keras.layers.BatchNormalization else 1 / 31
        np.testing.assert_allclose(layer.moving_variance, values.var(0), rtol=rtol)
    for weight, value in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(weight, value)
    assert layer.momentum == 0.9


def test_the_sums_are_those_of_training_mode_without_dropout():
    strategy = strategy_of(ONE)
    keras.utils.set_random_seed(0)
    layer = keras.layers.BatchNormalization(epsilon=1e-5)
    model = normalized(layer)
    states = [np.array(state) for state in random_states(model)]
    x = CLIPS.reshape(-1, 3).astype("float64")
    x = ((x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5)).reshape(6, 96)
    kernel = np.array(model.get_layer("classifier").kernel, "float64")
    logits = x @ kernel
    loss = -(logits - np.log(np.exp(logits).sum(1, keepdims=True)))[range(6), LABELS].sum()
    statistics = BatchStatistics(model, strategy)
    with statistics.kept():
        sums = statistics.add((tf.constant(CLIPS), tf.constant(LABELS)))
        assert float(sums["loss"]) == pytest.approx(loss, rel=1e-5)
        assert float(sums["top1"]) == (logits.argmax(1) == LABELS).sum()
        assert float(sums["clips"]) == 6
    for state, value in zip(random_states(model), states, strict=True):
        np.testing.assert_array_equal(state, value)
    assert next(layer for layer in model.layers if "dropout" in layer.name).rate == 0.5


def test_gates_take_part_and_frozen_layers_do_not():
    keras.utils.set_random_seed(0)
    model = from_preset("gsf_resnet14thin", 3, num_segments=2, input_shape=(32, 32, 3))
    configure_batch_norm(model, momentum=0.9, synchronized=False, frozen="all_but_first")
    gates = [gate.normalization for gate in find_layers(model, GatedShift)]
    layers = find_layers(model, keras.layers.BatchNormalization)
    assert learning_normalizations(model) == [layers[0], *gates] and gates
    clips = tf.constant(RNG.integers(0, 256, (2, 2, 32, 32, 3), "uint8"))
    statistics = BatchStatistics(model, tf.distribute.get_strategy())
    frozen = [np.array(layer.moving_mean) for layer in layers[1:]]
    with statistics.kept():
        statistics.add((clips, tf.constant([0, 1])))
        statistics.estimate()
        assert all(np.any(gate.moving_mean) for gate in gates)
        for layer, mean in zip(layers[1:], frozen, strict=True):
            np.testing.assert_array_equal(layer.moving_mean, mean)
    assert not any(np.any(gate.moving_mean) for gate in gates)
