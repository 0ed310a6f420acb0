import keras
import numpy as np
import pytest

from gsf_tf.layers import AttentionShift
from gsf_tf.models import SegmentModel
from gsf_tf.models.layer_lookup import find_layers
from gsf_tf.training import AttentionAnnealing, CoupledSGD

T, CLASSES, CLIPS = 2, 3, 6


def toy_model(optimizer, attention=True):
    """A segment model with two attention layers; a batch of 2 makes 3 steps an epoch."""
    keras.utils.set_random_seed(0)
    inputs = x = keras.Input((4, 4, 3))
    if attention:
        x = AttentionShift(T)(x)
    x = keras.layers.Conv2D(4, 1)(x)
    if attention:
        x = AttentionShift(T)(x)
    model = SegmentModel(keras.Model(inputs, x), CLASSES, T, name="toy")
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def temperatures(model):
    return [float(layer.temperature) for layer in find_layers(model, AttentionShift)]


class Record(keras.callbacks.Callback):
    """Notes the temperatures that each step was taken with."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append(temperatures(self.model))


def fit(model, annealing, epochs=1):
    """Returns the temperature of every step, the same in all layers."""
    clips = np.random.default_rng(0).integers(0, 256, (CLIPS, T, 4, 4, 3), "uint8")
    record = Record()
    model.fit(
        clips,
        np.arange(CLIPS) % CLASSES,
        batch_size=2,
        epochs=epochs,
        verbose=0,
        callbacks=[annealing, record],
    )
    first, second = np.transpose(record.seen)
    np.testing.assert_array_equal(first, second)
    return list(first)


def exponential(steps, total_steps, start=2.0, end=1e-3):
    """A straight line between the logarithms, which stays at its end."""
    return np.exp(np.interp(steps, [0, total_steps], np.log([start, end])))


@pytest.mark.parametrize("ends", [{}, {"start": 5.0, "end": 0.5}, {"start": 0.1, "end": 0.1}])
def test_formula(ends):
    annealing = AttentionAnnealing(40, **ends)
    steps = [0, 1, 7, 20, 39, 40, 41, 1000]
    ours = [annealing.temperature(step) for step in steps]
    np.testing.assert_allclose(ours, exponential(steps, 40, **ends), rtol=1e-9)


def test_apply_reaches_the_layers_of_models_inside():
    model = toy_model("sgd")
    AttentionAnnealing(10).apply(model, 5)
    assert temperatures(model) == pytest.approx([np.sqrt(2.0 * 1e-3)] * 2)


def test_fit_takes_every_step_with_its_temperature():
    model = toy_model("sgd")
    seen = fit(model, AttentionAnnealing(8), epochs=2)
    np.testing.assert_allclose(seen, exponential(range(6), 8), rtol=1e-5)
    # What is saved after six steps is the temperature of the seventh.
    assert temperatures(model) == pytest.approx([exponential(6, 8)] * 2, rel=1e-5)
    seen = fit(model, AttentionAnnealing(8))
    np.testing.assert_allclose(seen, exponential([6, 7, 8], 8), rtol=1e-5)
    assert temperatures(model) == pytest.approx([1e-3] * 2)


def test_accumulated_micro_batches_are_one_step():
    model = toy_model(CoupledSGD(0.1, gradient_accumulation_steps=3))
    seen = fit(model, AttentionAnnealing(4), epochs=2)
    np.testing.assert_allclose(seen, exponential([0, 0, 0, 1, 1, 1], 4), rtol=1e-5)
    assert temperatures(model) == pytest.approx([exponential(2, 4)] * 2, rel=1e-5)


def test_a_scaled_loss_is_no_obstacle():
    model = toy_model(keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1)))
    seen = fit(model, AttentionAnnealing(6))
    np.testing.assert_allclose(seen, exponential(range(3), 6), rtol=1e-5)


def test_a_run_that_continues_has_no_jump(tmp_path):
    whole = fit(toy_model(CoupledSGD(0.1)), AttentionAnnealing(6), epochs=2)
    model = toy_model(CoupledSGD(0.1))
    seen = fit(model, AttentionAnnealing(6))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert temperatures(loaded) == temperatures(model)
    # Before its first step the loaded model has the temperature that step will have.
    assert temperatures(loaded)[0] == pytest.approx(whole[3])
    seen += fit(loaded, AttentionAnnealing(6))
    assert seen == whole


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"total_steps": 0}, "`total_steps` must be an integer >= 1.*total_steps=0"),
        ({"total_steps": 1.5}, "`total_steps` must be an integer >= 1.*total_steps=1.5"),
        ({"total_steps": 5, "start": 0}, "must be positive. Received: start=0"),
        ({"total_steps": 5, "end": -1.0}, "must be positive.*end=-1.0"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        AttentionAnnealing(**arguments)


def test_a_model_without_attention():
    model = toy_model("sgd", attention=False)
    message = "must have `AttentionShift` layers, whose temperature.*'toy', which has none"
    with pytest.raises(ValueError, match=message):
        AttentionAnnealing(5).apply(model, 0)
    with pytest.raises(ValueError, match=message):
        fit(model, AttentionAnnealing(5))
