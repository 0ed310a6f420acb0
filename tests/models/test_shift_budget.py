"""The loss of equation (8): by itself, in `model.fit` and in an own loop."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from gsf_tf.layers import AttentionShift
from gsf_tf.models import SegmentModel, from_preset, shift_budget_loss
from gsf_tf.models.layer_lookup import find_layers
from gsf_tf.training.steps import train_step
from tests import exhaustive
from tests.models.numpy_attention import numpy_attention

T, CLASSES = 3, 4


def numpy_budget_loss(attentions, temperature, budget):
    """Equation (8): attention on other frames, mean over channels, mean over layers."""
    shares = []
    for attention in attentions:
        distribution = numpy_attention(attention, temperature)
        shares.append((distribution[0] + distribution[2]).mean())
    return abs(np.mean(shares) - budget)


def numpy_budget_gradient(attentions, temperature, budget, step=1e-5):
    """Central differences in float64."""
    gradients = []
    for attention in attentions:
        gradients.append(np.zeros_like(attention))
        for place in np.ndindex(attention.shape):
            values = []
            for sign in (1, -1):
                attention[place] += sign * step
                values.append(numpy_budget_loss(attentions, temperature, budget))
                attention[place] -= sign * step
            gradients[-1][place] = (values[0] - values[1]) / (2 * step)
    return gradients


def toy_model(shift_budget=None):
    """Two attention layers of different width without batch statistics, the same at every call."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6, 6, 3))
    x = AttentionShift(T, name="first_attention")(inputs)
    x = keras.layers.Conv2D(5, 3, strides=2, activation="relu")(x)
    x = AttentionShift(T, name="second_attention")(x)
    outputs = keras.layers.Conv2D(4, 1)(x)
    model = SegmentModel(
        keras.Model(inputs, outputs), CLASSES, T, dropout=0.0, shift_budget=shift_budget
    )
    rng = np.random.default_rng(4)
    for layer in find_layers(model, AttentionShift):
        layer.attention.assign(rng.normal(size=layer.attention.shape))
    kernel = model.get_layer("classifier").kernel
    kernel.assign(rng.normal(size=kernel.shape))
    return model


def attentions(model):
    return [np.array(x.attention, "float64") for x in find_layers(model, AttentionShift)]


def toy_batch():
    rng = np.random.default_rng(5)
    return rng.integers(0, 256, (8, T, 6, 6, 3), "uint8"), np.arange(8, dtype="int32") % CLASSES


@pytest.mark.parametrize("temperature", [2.0, 0.3])
@pytest.mark.parametrize("budget", [0.0, 0.125, 1.0])
def test_budget_loss_is_equation_8(temperature, budget):
    model = toy_model(budget)
    for layer in find_layers(model, AttentionShift):
        layer.temperature.assign(temperature)
    variables = [layer.attention.value for layer in find_layers(model, AttentionShift)]
    with tf.GradientTape() as tape:
        loss = shift_budget_loss(model, budget)
    assert loss.shape == () and loss.dtype == "float32"
    expected = numpy_budget_loss(attentions(model), temperature, budget)
    np.testing.assert_allclose(loss, expected, rtol=1e-5)
    assert [float(x) for x in model.losses] == pytest.approx([expected], rel=1e-5)
    expected = numpy_budget_gradient(attentions(model), temperature, budget)
    for ours, theirs in zip(tape.gradient(loss, variables), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-6)


def test_fit_adds_the_budget_once(tmp_path):
    model = toy_model(0.1)
    clips, labels = toy_batch()
    logits = np.array(model(clips), "float64")
    chosen = logits[np.arange(8), labels]
    cross_entropy = np.mean(np.log(np.exp(logits).sum(axis=1)) - chosen)
    expected = cross_entropy + numpy_budget_loss(attentions(model), 2.0, 0.1)
    model.save(tmp_path / "model.keras")
    for trained in (model, keras.models.load_model(tmp_path / "model.keras")):
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        trained.compile(keras.optimizers.SGD(0.5), loss)
        before = attentions(trained)
        history = trained.fit(clips, labels, batch_size=8, verbose=0)
        np.testing.assert_allclose(history.history["loss"], [expected], rtol=1e-5)
        assert not np.array_equal(attentions(trained)[0], before[0])


def run_steps(devices, shift_budget, steps):
    """Weights after steps of an own loop on so many devices."""
    clips, labels = toy_batch()
    # Collectives of several strategies in one process get into each other's way.
    strategy = tf.distribute.MirroredStrategy(
        [f"CPU:{i}" for i in range(devices)], cross_device_ops=tf.distribute.ReductionToOneDevice()
    )
    with strategy.scope():
        model = toy_model(shift_budget)
        optimizer = keras.optimizers.SGD(0.5)
        optimizer.build(model.trainable_variables)

    @tf.function
    def step(clips, labels):
        train_step(model, optimizer, clips, labels, global_batch_size=8, label_smoothing=0.0)

    dataset = tf.data.Dataset.from_tensor_slices((clips, labels)).batch(8).repeat(steps)
    for batch in strategy.experimental_distribute_dataset(dataset):
        strategy.run(step, args=batch)
    return [np.array(weight) for weight in model.weights], attentions(model)


@pytest.mark.parametrize("devices", exhaustive.cases([1, 2], lambda devices: devices == 2))
def test_train_step_adds_the_budget_once(devices):
    _, moved = run_steps(devices, 0.1, steps=1)
    _, without = run_steps(devices, None, steps=1)
    expected = numpy_budget_gradient(attentions(toy_model()), 2.0, 0.1)
    for with_budget, plain, gradient in zip(moved, without, expected, strict=True):
        np.testing.assert_allclose(with_budget - plain, -0.5 * gradient, atol=1e-6)
        assert np.abs(gradient).max() > 1e-3


@exhaustive.MARK
def test_a_step_is_the_same_on_any_number_of_replicas():
    one, _ = run_steps(1, 0.1, steps=1)
    two, _ = run_steps(2, 0.1, steps=1)
    for ours, theirs in zip(one, two, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("budget", [-0.01, 1.01, float("nan")])
def test_budget_out_of_range(budget):
    with pytest.raises(ValueError, match=r"`shift_budget` must be in \[0, 1\]. Received"):
        shift_budget_loss(toy_model(), budget)


def test_budget_needs_attention():
    message = "belongs to a model with `AttentionShift` layers.*'rubiksnet_mini', which has none"
    image_model = from_preset("rubiksnet_mini", CLASSES, 1, input_shape=(32, 32, 3))
    with pytest.raises(ValueError, match=message):
        shift_budget_loss(image_model, 0.25)
