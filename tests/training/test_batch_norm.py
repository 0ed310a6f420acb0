import keras
import numpy as np
import pytest

from gsf_tf.errors import UserError
from gsf_tf.layers import GateShiftFuse
from gsf_tf.models import from_preset
from gsf_tf.models.layer_lookup import find_layers
from gsf_tf.training.batch_norm import configure_batch_norm

CLIP = np.random.default_rng(0).integers(0, 256, (2, 2, 32, 32, 3), "uint8")


def model(frozen, momentum=0.7):
    model = from_preset("gsf_resnet14thin", 3, num_segments=2, input_shape=(32, 32, 3))
    configure_batch_norm(model, momentum=momentum, synchronized=False, frozen=frozen)
    return model


@pytest.mark.parametrize(("frozen", "learning"), [("none", None), ("all", 0), ("all_but_first", 1)])
def test_frozen_layers_keep_all_they_have(frozen, learning):
    trained = model(frozen)
    layers = find_layers(trained, keras.layers.BatchNormalization)
    gates = [layer.normalization for layer in find_layers(trained, GateShiftFuse)]
    learning = len(layers) if learning is None else learning
    before = [layer.get_weights() for layer in layers]
    trained(CLIP, training=True)
    for number, (layer, weights) in enumerate(zip(layers, before, strict=True)):
        changed = any(
            not np.array_equal(a, b) for a, b in zip(layer.get_weights(), weights, strict=True)
        )
        assert changed == (number < learning)
        assert bool(layer.trainable_variables) == (number < learning)
    for gate in gates:
        assert np.any(gate.moving_mean) and gate.trainable


def test_momentum_is_that_of_all_layers():
    trained = model("none", momentum=0.25)
    first = find_layers(trained, keras.layers.BatchNormalization)[0]
    gate = find_layers(trained, GateShiftFuse)[0]
    gamma_before = np.array(first.moving_mean)
    assert not gamma_before.any()
    trained(CLIP, training=True)
    one_step = np.array(first.moving_mean)
    trained(CLIP, training=True)
    # The same batch twice: 1 - m of the way, then 1 - m of the rest.
    np.testing.assert_allclose(first.moving_mean, one_step * (1 + 0.25), rtol=1e-4, atol=1e-6)
    assert gate.momentum == gate.normalization.momentum == 0.25
    assert gate.get_config()["momentum"] == 0.25


def test_a_model_without_batch_normalization_has_nothing_to_freeze():
    plain = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    with pytest.raises(UserError, match="'all' for"):
        configure_batch_norm(plain, momentum=0.9, synchronized=False, frozen="all")
