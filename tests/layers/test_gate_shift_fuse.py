import keras
import numpy as np
import pytest
import tensorflow as tf

from gsf_tf.layers import GateShiftFuse
from tests.layers.layer_test import run_layer_test

T = 4


def numpy_gate_shift_fuse(x, layer, training):
    """Equations (1)-(10) and REFERENCE facts, one clip and one element at a time, in float64."""
    weights = {w.path.split("/")[-1]: np.asarray(w, np.float64) for w in layer.weights}
    x = np.asarray(x, np.float64)
    frames, height, width, channels = x.shape
    processed = layer.processed_channels(channels)
    half, quarter = processed // 2, processed // 4
    chosen = x[..., :processed]
    mean, variance = weights["moving_mean"], weights["moving_variance"]
    if training:
        mean, variance = chosen.mean((0, 1, 2)), chosen.var((0, 1, 2))
    normalized = (chosen - mean) / np.sqrt(variance + 1e-5) * weights["gamma"] + weights["beta"]
    activated = np.maximum(normalized, 0)
    out = x.copy()
    for clip in range(frames // layer.num_segments):
        frames_of_clip = slice(clip * layer.num_segments, (clip + 1) * layer.num_segments)
        for group, direction in ((0, +1), (1, -1)):
            own = slice(group * half, (group + 1) * half)
            raw = chosen[frames_of_clip, ..., own]
            seen = np.pad(activated[frames_of_clip, ..., own], ((1, 1), (1, 1), (1, 1), (0, 0)))
            gate = np.zeros(raw.shape[:3])
            for t, i, j in np.ndindex(*gate.shape):
                window = seen[t : t + 3, i : i + 3, j : j + 3]
                total = (window * weights["gate_kernel"][..., group]).sum()
                gate[t, i, j] = np.tanh(total + weights["gate_bias"][group])
            y = gate[..., None] * raw
            r = raw - y
            shifted = np.zeros_like(y)
            for t in range(layer.num_segments):
                if 0 <= t + direction < layer.num_segments:
                    shifted[t] = y[t + direction]
            planes = np.stack([shifted.mean((1, 2)).T, r.mean((1, 2)).T], axis=-1)
            padded = np.pad(planes, ((1, 1), (1, 1), (0, 0)))
            fusion = np.zeros(planes.shape[:2])
            for c, t in np.ndindex(*fusion.shape):
                window = padded[c : c + 3, t : t + 3]
                kernel = weights[f"fusion_kernel_{group + 1}"][..., 0]
                score = (window * kernel).sum() + weights[f"fusion_bias_{group + 1}"][0]
                fusion[c, t] = 1 / (1 + np.exp(-score))
            weight = fusion.T[:, None, None, :]
            z = weight * shifted + (1 - weight) * r
            for i in range(quarter):
                for j in range(2):
                    out[frames_of_clip, ..., group * half + 2 * i + j] = z[..., j * quarter + i]
    return out


def randomized(layer, input_shape):
    layer.build(input_shape)
    rng = np.random.default_rng(1)
    for weight in layer.weights:
        draw = rng.uniform(0.5, 1.5, weight.shape)
        if "kernel" in weight.path or "bias" in weight.path or "beta" in weight.path:
            draw = rng.normal(size=weight.shape)
        weight.assign(draw)
    return layer


@pytest.mark.parametrize("ratio", [0.25, 0.5, 1.0])
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("num_segments", [1, 2, T])
def test_equals_the_equations(ops_path, ratio, training, num_segments):
    x = np.random.default_rng(0).normal(size=(2 * T, 3, 5, 16))
    layer = randomized(GateShiftFuse(num_segments, ratio, dtype="float64"), x.shape)
    expected = numpy_gate_shift_fuse(x, layer, training)
    np.testing.assert_allclose(layer(x, training=training), expected, rtol=1e-9, atol=1e-9)


def test_float32_is_close_to_the_equations(ops_path):
    x = np.random.default_rng(0).normal(size=(2 * T, 3, 5, 16)).astype("float32")
    layer = randomized(GateShiftFuse(T), x.shape)
    np.testing.assert_allclose(
        layer(x), numpy_gate_shift_fuse(x, layer, False), rtol=2e-5, atol=2e-5
    )


@pytest.mark.parametrize("training", [False, True])
def test_gradients_by_finite_differences(ops_path, training):
    x = np.random.default_rng(0).normal(size=(T, 2, 3, 8))
    layer = randomized(GateShiftFuse(T, dtype="float64"), x.shape)
    # A ReLU has a kink at zero; with beta this large every value is on its linear side.
    layer.normalization.beta.assign(np.full(8, 9.0))
    probe = np.random.default_rng(2).normal(size=x.shape)
    watched = tf.Variable(x, dtype="float64")
    variables = [watched, *[v.value for v in layer.trainable_variables]]

    def objective():
        return tf.reduce_sum(layer(watched, training=training) * probe)

    with tf.GradientTape() as tape:
        loss = objective()
    gradients = tape.gradient(loss, variables)
    step = 1e-6
    for variable, gradient in zip(variables, gradients, strict=True):
        flat = np.array(variable).ravel()
        for index in np.random.default_rng(3).choice(flat.size, min(flat.size, 6), False):
            values = []
            for sign in (1, -1):
                moved = flat.copy()
                moved[index] += sign * step
                variable.assign(moved.reshape(variable.shape))
                values.append(float(objective()))
            variable.assign(flat.reshape(variable.shape))
            numeric = (values[0] - values[1]) / (2 * step)
            assert np.asarray(gradient).ravel()[index] == pytest.approx(numeric, 1e-5, 1e-7)


def test_layer_checks(ops_path, tmp_path):
    run_layer_test(
        GateShiftFuse,
        {"num_segments": T, "channel_ratio": 0.5, "fusion_initializer": "he_fan_out"},
        (2 * T, 6, 5, 8),
        (2 * T, 6, 5, 8),
        tmp_path,
    )


def test_parameters_as_counted_by_reference():
    layer = GateShiftFuse(8)
    layer.build((None, 7, 7, 64))
    assert sum(np.prod(v.shape) for v in layer.trainable_variables) == 29 * 64 + 40


@pytest.mark.parametrize(
    ("channels", "ratio", "processed"), [(64, 0.25, 16), (192, 1.0, 192), (14, 0.2, None)]
)
def test_processed_channels(channels, ratio, processed):
    layer = GateShiftFuse(8, ratio)
    if processed is None:
        with pytest.raises(ValueError, match=r"multiple of 4.*channels=14.*gives 2"):
            layer.build((None, 7, 7, channels))
    else:
        assert layer.processed_channels(channels) == processed


def test_odd_number_of_processed_channels_is_rounded_up():
    assert GateShiftFuse(8, 0.31).processed_channels(10) == 4


def test_unknown_height_and_width(ops_path):
    inputs = keras.Input((None, None, 8))
    model = keras.Model(inputs, GateShiftFuse(T)(inputs))
    assert model.output_shape == (None, None, None, 8)
    assert model.predict(np.ones((T, 5, 6, 8), "float32"), verbose=0).shape == (T, 5, 6, 8)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"num_segments": 0}, "at least 1.*num_segments=0"),
        ({"num_segments": 2.5}, "num_segments=2.5"),
        ({"num_segments": 8, "channel_ratio": 0}, r"in \(0, 1\].*channel_ratio=0"),
        ({"num_segments": 8, "channel_ratio": 1.5}, "channel_ratio=1.5"),
    ],
)
def test_bad_arguments(kwargs, message):
    with pytest.raises(ValueError, match=message):
        GateShiftFuse(**kwargs)


def test_a_clip_that_is_not_folded_is_an_error():
    with pytest.raises(ValueError, match=r"batch \* num_segments, height, width, channels"):
        GateShiftFuse(8)(np.ones((2, 8, 5, 5, 16), "float32"))
