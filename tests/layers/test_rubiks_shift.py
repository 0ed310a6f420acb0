import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from gsf_tf import ops
from gsf_tf.layers import RubiksShift2D, RubiksShift3D, ShiftFolds, ShiftGroups
from tests.layers.layer_test import run_layer_test
from tests.ops.numpy_rubiks_shift import numpy_rubiks_shift

T = 3
MODES = ("interpolated", "quantized")
LEARNING = ("learned", "fixed")
TABLE_4 = list(itertools.product(LEARNING, LEARNING))


def random(shape, dtype="float32", seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def shift_gradient(layer, x):
    with tf.GradientTape() as tape:
        tape.watch(layer.shift.value)
        loss = tf.reduce_sum(tf.square(tf.cast(layer(x), "float32")))
    return tape.gradient(loss, layer.shift.value, unconnected_gradients="zero").numpy()


@pytest.mark.parametrize("mode, spatial", [("interpolated", "learned"), ("quantized", "fixed")])
def test_2d_checks(tmp_path, mode, spatial):
    kwargs = {"strides": 2, "mode": mode, "spatial": spatial}
    run_layer_test(RubiksShift2D, kwargs, (2, 5, 4, 9), (2, 3, 2, 9), tmp_path, "float32")


@pytest.mark.parametrize(
    "mode, spatial, temporal",
    [
        ("interpolated", "learned", "learned"),
        ("quantized", "learned", "fixed"),
        ("interpolated", "fixed", "fixed"),
    ],
)
def test_3d_checks(tmp_path, mode, spatial, temporal):
    kwargs = {
        "num_segments": T,
        "strides": 2,
        "mode": mode,
        "spatial": spatial,
        "temporal": temporal,
    }
    run_layer_test(RubiksShift3D, kwargs, (2 * T, 5, 4, 9), (2 * T, 3, 2, 9), tmp_path, "float32")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("strides", [1, 2])
def test_equals_the_equations(mode, strides):
    x = random((2 * T, 5, 4, 6), "float64")
    spatial = RubiksShift2D(strides, mode, dtype="float64")
    expected, _, _ = numpy_rubiks_shift(
        x, _built(spatial, x).shift, 1, (1, strides, strides), mode=mode
    )
    np.testing.assert_allclose(spatial(x), expected, rtol=1e-12, atol=1e-12)
    whole = RubiksShift3D(T, strides, mode, dtype="float64")
    expected, _, _ = numpy_rubiks_shift(
        x, _built(whole, x).shift, T, (1, strides, strides), mode=mode
    )
    np.testing.assert_allclose(whole(x), expected, rtol=1e-12, atol=1e-12)


def _built(layer, x):
    """The layer with shifts that are larger than those it starts with."""
    layer.build(x.shape)
    layer.shift.assign(np.random.default_rng(1).uniform(-1.5, 1.5, layer.shift.shape))
    return layer


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("layer_class, num_segments", [(RubiksShift2D, 1), (RubiksShift3D, T)])
def test_shift_stays_in_float32_where_the_map_is_in_half_precision(
    layer_class, num_segments, policy
):
    x, half = random((T, 4, 4, 64)), policy.removeprefix("mixed_")
    arguments = {} if layer_class is RubiksShift2D else {"num_segments": num_segments}
    layer = layer_class(**arguments, dtype=policy)
    y = layer(x)
    assert y.dtype == half
    x = tf.cast(x, half)
    expected = ops.rubiks_shift(x, layer.shift, num_segments)
    np.testing.assert_array_equal(y, expected)
    assert shift_gradient(layer, x).dtype == "float32"
    rounded = tf.cast(tf.cast(layer.shift, half), "float32")
    assert np.any(ops.rubiks_shift(x, rounded, num_segments) != expected)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("spatial, temporal", TABLE_4)
def test_fixed_rows_get_no_gradient(spatial, temporal, mode):
    x = random((2 * T, 5, 5, 9))
    layer = RubiksShift3D(T, mode=mode, spatial=spatial, temporal=temporal)
    free = _built(RubiksShift3D(T, mode=mode), x)
    _built(layer, x)
    learned = np.array([temporal == "learned", spatial == "learned", spatial == "learned"])
    expected = shift_gradient(free, x) * learned[:, None]
    assert np.all(expected[learned])
    np.testing.assert_allclose(shift_gradient(layer, x), expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(shift_gradient(layer, x)[~learned], 0)


@pytest.mark.parametrize("spatial, temporal", TABLE_4)
def test_fixed_rows_stay_while_the_others_are_trained(spatial, temporal):
    x = random((2 * T, 5, 5, 9))
    layer = RubiksShift3D(T, spatial=spatial, temporal=temporal)
    model = keras.Sequential([layer, keras.layers.Conv2D(2, 1)])
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "mse")
    model.build(x.shape)
    before = np.array(layer.shift)
    model.fit(x, np.ones((2 * T, 5, 5, 2)), batch_size=2 * T, epochs=2, verbose=0)
    moved = np.any(np.array(layer.shift) != before, axis=1)
    assert moved.tolist() == [temporal == "learned", spatial == "learned", spatial == "learned"]
    assert len(layer.trainable_variables) == ("learned" in (spatial, temporal))


@pytest.mark.parametrize("spatial", LEARNING)
def test_2d_trains_its_shift_where_it_is_learned(spatial):
    layer = RubiksShift2D(spatial=spatial)
    layer.build((None, 5, 5, 9))
    assert len(layer.trainable_variables) == (spatial == "learned")
    assert [v.name for v in layer.variables] == ["shift"]


@pytest.mark.parametrize("layer", [RubiksShift2D(), RubiksShift3D(T)])
def test_learned_shifts_start_uniform(layer):
    layer.build((None, 5, 5, 5000))
    shift = np.array(layer.shift)
    assert shift.shape == (2 if type(layer) is RubiksShift2D else 3, 5000)
    assert shift.min() >= -1 and shift.max() < 1
    for row in shift:
        # A fifth of the channels in each fifth of the range, within six standard deviations.
        counts = np.histogram(row, 5, (-1, 1))[0]
        assert np.abs(counts - 1000).max() < 6 * np.sqrt(5000 * 0.2 * 0.8)
    correlations = np.corrcoef(shift)[np.triu_indices(len(shift), 1)]
    assert np.abs(correlations).max() < 0.1


def test_fixed_shifts_start_as_shiftnet_and_tsm():
    channels = 20
    groups, folds = ShiftGroups()((2, channels)), ShiftFolds()((1, channels))
    layer = RubiksShift2D(spatial="fixed")
    layer.build((None, 5, 5, channels))
    np.testing.assert_array_equal(layer.shift, groups)
    layer = RubiksShift3D(T, spatial="fixed", temporal="fixed")
    layer.build((None, 5, 5, channels))
    np.testing.assert_array_equal(layer.shift, np.concatenate([folds, groups]))
    layer = RubiksShift3D(T, temporal="fixed")
    layer.build((None, 5, 5, channels))
    np.testing.assert_array_equal(layer.shift[:1], folds)
    assert len(np.unique(layer.shift[1:])) == 2 * channels


def test_fixed_shifts_are_the_shift_of_tsm():
    x = random((2 * T, 4, 5, 16))
    zeros = keras.initializers.Zeros()
    layer = RubiksShift3D(T, spatial="fixed", temporal="fixed", spatial_initializer=zeros)
    np.testing.assert_array_equal(layer(x), ops.temporal_shift(x, T, fold=2))


def test_initializers_are_kept_in_the_file(tmp_path):
    layer = RubiksShift3D(
        T,
        spatial_initializer=ShiftGroups(noise=0.2, seed=1),
        temporal_initializer=keras.initializers.Constant(0.5),
    )
    inputs = keras.Input((5, 5, 18))
    model = keras.Model(inputs, layer(inputs))
    np.testing.assert_array_equal(layer.shift[0], np.full(18, 0.5))
    np.testing.assert_array_equal(layer.shift[1:], ShiftGroups(noise=0.2, seed=1)((2, 18)))
    first = np.array(layer.shift)
    layer.shift.assign(first + 1)
    model.save(tmp_path / "layer.keras")
    loaded = keras.models.load_model(tmp_path / "layer.keras").layers[-1]
    assert loaded.get_config() == layer.get_config()
    np.testing.assert_array_equal(loaded.shift, layer.shift)
    again = RubiksShift3D.from_config(layer.get_config())
    again.build((None, 5, 5, 18))
    np.testing.assert_array_equal(again.shift, first)


def test_initializers_may_be_names():
    layer = RubiksShift3D(T, spatial_initializer="zeros", temporal_initializer="ones")
    layer.build((None, 5, 5, 2))
    np.testing.assert_array_equal(layer.shift, [[1, 1], [0, 0], [0, 0]])


def test_tells_the_optimizer_that_its_variable_is_a_shift():
    spatial, whole, unknown = RubiksShift2D(), RubiksShift3D(8), RubiksShift3D(8)
    spatial.build((None, 16, 4, 2))
    whole.build((None, 16, 4, 2))
    unknown.build((None, None, None, 2))
    assert spatial.shift.shift_aspect == 1.0
    assert whole.shift.shift_aspect == 0.5
    assert unknown.shift.shift_aspect is None


@pytest.mark.parametrize("layer", [RubiksShift2D(2), RubiksShift3D(T, 2)])
def test_maps_of_any_size(layer):
    inputs = keras.Input((None, None, 4))
    model = keras.Model(inputs, layer(inputs))
    assert model.output_shape == (None, None, None, 4)
    assert layer.compute_output_shape((6, None, 5, 4)) == (6, None, 3, 4)
    for size in [(5, 4), (1, 1)]:
        x = random((2 * T, *size, 4))
        arguments = (T,) if type(layer) is RubiksShift3D else (1,)
        expected = ops.rubiks_shift(x, layer.shift, *arguments, strides=2)
        np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=1e-6, atol=1e-6)


def test_is_not_compiled_by_xla():
    assert not RubiksShift2D().supports_jit and not RubiksShift3D(T).supports_jit


@pytest.mark.parametrize(
    "kwargs, message",
    [
        ({"strides": 0}, "`strides` must be an integer >= 1. Received: strides=0"),
        ({"strides": 1.5}, "`strides` must be an integer.*strides=1.5"),
        ({"mode": "rounded"}, "`mode` must be one of interpolated, quantized.*mode='rounded'"),
        ({"spatial": True}, "`spatial` must be one of learned, fixed. Received: spatial=True"),
        ({"temporal": "no"}, "`temporal` must be one of learned, fixed. Received: temporal='no'"),
        ({"num_segments": 0}, "`num_segments` must be an integer.*num_segments=0"),
    ],
)
def test_errors(kwargs, message):
    with pytest.raises(ValueError, match=message):
        RubiksShift3D(**{"num_segments": T, **kwargs})
    if not {"temporal", "num_segments"} & set(kwargs):
        with pytest.raises(ValueError, match=message):
            RubiksShift2D(**kwargs)


@pytest.mark.parametrize("layer", [RubiksShift2D(name="a"), RubiksShift3D(T, name="a")])
@pytest.mark.parametrize("shape", [(None, 5, 9), (None, 5, 5, None)])
def test_input_that_is_no_feature_map(layer, shape):
    with pytest.raises(
        ValueError, match="input of .a. must be a channels-last feature map.*Received: shape="
    ):
        layer.build(shape)


def test_frames_that_do_not_fill_clips():
    with pytest.raises(ValueError, match="multiple of num_segments.*num_segments=3"):
        RubiksShift3D(T)(random((4, 3, 3, 2)))
