import keras
import numpy as np
import pytest
import tensorflow as tf

from gsf_tf.layers import GateShift, GateShiftFuse
from tests.layers.layer_test import run_layer_test
from tests.layers.numpy_gated_shift import numpy_gated_shift, randomized

T = 4
# Each half of 16 channels, n = 4: new[2 i + j] = old[j n + i].
INTERLEAVED_16 = [half + j * 4 + i for half in (0, 8) for i in range(4) for j in range(2)]


@pytest.mark.parametrize("ratio", [0.25, 0.5, 1.0])
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("num_segments", [1, 2, T])
def test_equals_the_equations(ops_path, ratio, training, num_segments):
    x = np.random.default_rng(0).normal(size=(2 * T, 3, 5, 16))
    layer = randomized(GateShiftFuse(num_segments, ratio, dtype="float64"), x.shape)
    expected = numpy_gated_shift(x, layer, training)
    np.testing.assert_allclose(layer(x, training=training), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("gate", [1, -1, 0, "learned"])
@pytest.mark.parametrize("fusion", ["sum", "learned"])
def test_options_of_table_5(ops_path, gate, fusion):
    x = np.random.default_rng(0).normal(size=(2 * T, 3, 4, 16))
    layer = GateShiftFuse(T, 0.5, gate=gate, fusion=fusion, dtype="float64")
    expected = numpy_gated_shift(x, randomized(layer, x.shape), True)
    np.testing.assert_allclose(layer(x, training=True), expected, rtol=1e-9, atol=1e-9)


def test_a_learned_gate_with_sum_starts_as_gsm(ops_path):
    """Table 5: GSM. Its gate starts at zero, so no frames are mixed before training; GSF's not."""
    x = np.random.default_rng(0).normal(size=(2 * T, 3, 4, 16)).astype("float32")
    gsm, table_5 = GateShift(T), GateShiftFuse(T, fusion="sum")
    for layer in (gsm, table_5):
        y = np.asarray(layer(x, training=True))
        np.testing.assert_array_equal(y, x[..., INTERLEAVED_16])
        assert not np.any(layer.gate_kernel) and not np.any(layer.gate_bias)
    gsf = GateShiftFuse(T)
    gsf.build(x.shape)
    assert np.all(gsf.gate_kernel) and np.all(gsf.gate_bias)


def test_a_gate_of_zero_with_sum_mixes_no_frames(ops_path):
    """Table 5: TSN. The output is the input with its channels interleaved."""
    x = np.random.default_rng(0).normal(size=(T, 2, 2, 8)).astype("float32")
    out = np.asarray(GateShiftFuse(T, gate=0, fusion="sum")(x))
    np.testing.assert_array_equal(out, x[..., [0, 2, 1, 3, 4, 6, 5, 7]])


def test_float32_is_close_to_the_equations(ops_path):
    x = np.random.default_rng(0).normal(size=(2 * T, 3, 5, 16)).astype("float32")
    layer = randomized(GateShiftFuse(T), x.shape)
    np.testing.assert_allclose(layer(x), numpy_gated_shift(x, layer, False), rtol=2e-5, atol=2e-5)


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
        with pytest.raises(ValueError, match=r"multiple of 4.*channels=14.*result in 2"):
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
        ({"num_segments": 0}, "integer >= 1.*num_segments=0"),
        ({"num_segments": 2.5}, "num_segments=2.5"),
        ({"num_segments": 8, "channel_ratio": 0}, r"in \(0, 1\].*channel_ratio=0"),
        ({"num_segments": 8, "channel_ratio": 1.5}, "channel_ratio=1.5"),
        ({"num_segments": 8, "gate": 2}, "'learned', 1, -1 or 0.*gate=2"),
        ({"num_segments": 8, "fusion": "mean"}, "'learned' or 'sum'.*fusion='mean'"),
    ],
)
def test_bad_arguments(kwargs, message):
    with pytest.raises(ValueError, match=message):
        GateShiftFuse(**kwargs)


def test_a_clip_that_is_not_folded_is_an_error():
    with pytest.raises(ValueError, match=r"batch \* num_segments, height, width, channels"):
        GateShiftFuse(8)(np.ones((2, 8, 5, 5, 16), "float32"))
