import numpy as np
import pytest

from gsf_tf.layers import GateShift, GateShiftFuse
from gsf_tf.models import from_preset
from gsf_tf.models.layer_lookup import find_layers
from gsf_tf.training.gate_metrics import gate_metrics

CLIPS = np.random.default_rng(0).integers(0, 256, (2, 2, 32, 32, 3), "uint8")


def model(preset="gsf_resnet14thin", **options):
    return from_preset(preset, 3, num_segments=2, input_shape=(32, 32, 3), **options)


@pytest.mark.parametrize("preset", ["gsf_resnet14thin", "gsm_resnet14thin"])
def test_the_magnitude_is_the_mean_over_layers_and_halves(preset, ops_path):
    built = model(preset, start="identity")
    assert gate_metrics(built, CLIPS) == {"gate/magnitude": 0.0}
    biases = np.random.default_rng(1).normal(size=(4, 2))
    layers = find_layers(built, (GateShift, GateShiftFuse))
    for layer, bias in zip(layers, biases, strict=True):
        layer.gate_bias.assign(bias)
    expected = np.abs(np.tanh(biases)).mean()
    assert gate_metrics(built, CLIPS)["gate/magnitude"] == pytest.approx(expected, rel=1e-5)


def test_the_gates_are_those_of_the_layer(ops_path):
    """A clip of one frame shifts nothing in, so Z = X - Y, and the gate is 1 - Z / X."""
    x = np.random.default_rng(0).uniform(0.5, 1.5, (3, 5, 5, 8)).astype("float32")
    layer = GateShift(1)
    layer(x)
    for weight in layer.weights:
        weight.assign(np.random.default_rng(1).uniform(0.0, 0.1, weight.shape))
    gates = 1 - np.asarray(layer(x)) / x[..., [0, 2, 1, 3, 4, 6, 5, 7]]
    assert np.ptp(gates) > 0.1
    np.testing.assert_allclose(layer.gates(x), gates[..., ::4], atol=1e-5)
    np.testing.assert_allclose(layer.gates(x), gates[..., 3::4], atol=1e-5)


def test_fixed_gates_have_no_magnitude():
    fixed = model(temporal_options={"gate": 1, "fusion": "sum"})
    assert gate_metrics(fixed, CLIPS) == gate_metrics(model("tsm_resnet14thin"), CLIPS) == {}
    with pytest.raises(ValueError, match="gate is learned. Received: 'layer1_0_conv3_temporal'"):
        find_layers(fixed, GateShiftFuse)[0].gates(CLIPS)


def test_an_epoch_without_steps_has_no_clips():
    assert gate_metrics(model(), []) == {}
