"""Gates and fusion weights of layers and of whole networks."""

import numpy as np
import pytest

from gsf_tf.analysis import (
    fusion_figure,
    fusion_model,
    gate_figure,
    gate_model,
    gate_statistics,
)
from gsf_tf.layers import GateShift, GateShiftFuse
from gsf_tf.models import from_preset
from gsf_tf.models.layer_lookup import find_layers
from tests import exhaustive

CLIPS = np.random.default_rng(0).integers(0, 256, (2, 3, 32, 32, 3), "uint8")


def small_model(preset="gsf_resnet14thin", **options):
    return from_preset(preset, 3, num_segments=3, input_shape=(32, 32, 3), **options)


def rebuilt(layer, x):
    """Equations (1)-(10) in NumPy, from the gates and fusion weights that the layer reports."""
    gates, fusions = np.asarray(layer.gates(x)), np.asarray(layer.fusions(x))
    z = np.zeros_like(x)
    half = x.shape[-1] // 2
    for index, reads in enumerate((1, -1)):
        part = slice(index * half, (index + 1) * half)
        gated = gates[..., index : index + 1] * x[..., part]
        residual = x[..., part] - gated
        shifted = np.zeros_like(gated)
        reads = -1 if layer.causal else reads
        if reads == 1:
            shifted[:-1] = gated[1:]
        else:
            shifted[1:] = gated[:-1]
        weight = fusions[:, index, None, None, :]
        fused = weight * shifted + (1 - weight) * residual
        z[..., part] = (
            fused.reshape(*x.shape[:-1], 2, half // 2).swapaxes(-1, -2).reshape(*x.shape[:-1], half)
        )
    return z


@pytest.mark.parametrize("causal", [False, True])
def test_gates_and_fusion_weights_rebuild_the_output(causal, ops_path):
    """One clip of four frames, so that frames outside of it count as zeros."""
    layer = GateShiftFuse(4, causal=causal)
    x = np.random.default_rng(1).normal(size=(4, 5, 6, 8)).astype("float32")
    layer(x)
    random = np.random.default_rng(2)
    for weight in layer.weights:
        weight.assign(random.uniform(0.02, 0.2, weight.shape))
    assert np.ptp(layer.gates(x)) > 0.1 and np.ptp(layer.fusions(x)) > 0.01
    np.testing.assert_allclose(layer(x), rebuilt(layer, x), atol=2e-5)


def test_a_sum_has_no_fusion_weights():
    layer = GateShiftFuse(4, fusion="sum", name="summed")
    layer(np.zeros((4, 5, 6, 8), "float32"))
    with pytest.raises(ValueError, match="fusion is learned. Received: 'summed'"):
        layer.fusions(np.zeros((4, 5, 6, 8), "float32"))


@pytest.mark.parametrize(
    "preset", exhaustive.cases(["gsf_resnet14thin", "gsm_resnet14thin"], lambda p: "gsf" in p)
)
def test_the_model_of_gates_has_those_of_each_layer(preset, ops_path):
    model = small_model(preset)
    biases = np.random.default_rng(1).normal(size=(4, 2)).astype("float32")
    layers = find_layers(model, (GateShift, GateShiftFuse))
    for layer, bias in zip(layers, biases, strict=True):
        layer.gate_kernel.assign(np.zeros(layer.gate_kernel.shape))
        layer.gate_bias.assign(bias)
    before = np.asarray(model(CLIPS, training=False))
    gates = gate_model(model)(CLIPS)
    assert list(gates) == [layer.name for layer in layers]
    for layer, bias in zip(layers, biases, strict=True):
        values = np.asarray(gates[layer.name])
        assert values.shape[:2] == (2, 3) and values.shape[-1] == 2
        np.testing.assert_allclose(values, np.broadcast_to(np.tanh(bias), values.shape), atol=1e-5)
    np.testing.assert_array_equal(model(CLIPS, training=False), before)


def test_statistics_of_planted_gates(tmp_path):
    """Half 1 is open at tanh(3) = 0.995, so saturated; half 2 is at tanh(-0.5) = -0.46."""
    model = small_model(start="identity")
    planted, *others = find_layers(model, GateShiftFuse)
    planted.gate_bias.assign([3, -0.5])
    first, *rest = gate_statistics(model, [CLIPS[:1], CLIPS[1:]], bins=10)
    assert first.name == planted.name and len(rest) == len(others)
    np.testing.assert_allclose(first.magnitude, np.tanh([3, 0.5]), rtol=1e-5)
    np.testing.assert_array_equal(first.saturated, [1, 0])
    np.testing.assert_array_equal(first.shares[0], np.eye(10)[9])
    np.testing.assert_array_equal(first.shares[1], np.eye(10)[2])
    # Two clips of three frames.
    assert first.counts.sum() % 6 == 0
    np.testing.assert_array_equal([layer.magnitude for layer in rest], np.zeros((len(rest), 2)))
    figure = gate_figure([first, *rest])
    titles = [axes.get_title() for axes in figure.axes]
    assert titles[0] == planted.name
    assert "100.0%, 0.0%" in figure.axes[0].get_xlabel()
    drawn = figure.axes[0].patches[0].get_data().values
    np.testing.assert_array_equal(drawn, first.shares[0])
    figure.savefig(tmp_path / "gates.svg")
    assert legend_of(figure) == ["reads the next frame", "reads the previous frame"]


def legend_of(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_both_halves_of_a_causal_model_read_the_previous_frame():
    statistics = gate_statistics(small_model(causal=True), [CLIPS[:1]], bins=4)
    assert all(layer.causal for layer in statistics)
    halves = ["first half, reads the previous frame", "second half, reads the previous frame"]
    assert legend_of(gate_figure(statistics)) == halves
    figure = fusion_figure({"layer": np.zeros((3, 2, 2))}, causal=True)
    assert [axes.get_ylabel() for axes in figure.axes[:2]] == [f"Channels, {h}" for h in halves]


def test_the_model_of_fusion_weights_has_those_of_each_layer(tmp_path):
    """With kernels of zero, F is the sigmoid of the bias of its half."""
    model = small_model()
    layers = find_layers(model, GateShiftFuse)
    biases = np.random.default_rng(1).normal(size=(len(layers), 2)).astype("float32")
    for layer, of_layer in zip(layers, biases, strict=True):
        for kernel, bias, value in zip(
            layer.fusion_kernels, layer.fusion_biases, of_layer, strict=True
        ):
            kernel.assign(np.zeros(kernel.shape))
            bias.assign([value])
    fusions = fusion_model(model)(CLIPS)
    assert list(fusions) == [layer.name for layer in layers]
    for layer, of_layer in zip(layers, biases, strict=True):
        values = np.asarray(fusions[layer.name])
        assert values.shape == (2, 3, 2, layer.processed_channels(layer.input.shape[-1]) // 2)
        expected = np.broadcast_to(1 / (1 + np.exp(-of_layer))[:, None], values.shape)
        np.testing.assert_allclose(values, expected, rtol=1e-5)
    with pytest.raises(ValueError, match="learn a fusion.*'gsm_resnet14thin'"):
        fusion_model(small_model("gsm_resnet14thin"))


def test_fusion_weights_are_drawn_by_half_and_sorted(tmp_path):
    weights = np.zeros((3, 2, 2))
    weights[:, 0] = [[0.2, 0.9], [0.3, 0.9], [0.4, 0.9]]
    first, second = fusion_figure({"$layer$": weights}).axes[:2]
    assert first.get_title() == "$layer$"
    np.testing.assert_allclose(first.images[0].get_array(), [[0.9] * 3, [0.2, 0.3, 0.4]])
    np.testing.assert_allclose(second.images[0].get_array(), np.zeros((2, 3)))
    many = {f"layer {number}": weights for number in range(9)}
    titles = [axes.get_title() for axes in fusion_figure(many).axes[:4]]
    assert titles == ["layer 0", "layer 3", "layer 5", "layer 8"]
    with pytest.raises(ValueError, match="must have a layer"):
        fusion_figure({})


def test_what_is_refused():
    with pytest.raises(ValueError, match="learn a gate.*'tsn_resnet14thin'"):
        gate_model(small_model("tsn_resnet14thin"))
    with pytest.raises(ValueError, match="must be a SegmentModel"):
        gate_model(small_model().backbone)
    with pytest.raises(ValueError, match="a batch of clips. Received: none"):
        gate_statistics(small_model(), [])
    with pytest.raises(ValueError, match="Received: bins=0"):
        gate_statistics(small_model(), [CLIPS], bins=0)
    with pytest.raises(ValueError, match="must have a layer"):
        gate_figure([])
