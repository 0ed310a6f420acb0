import keras
import numpy as np
import pytest

from gsf_tf import ops
from gsf_tf.layers import IntegerShift
from tests.layers.layer_test import run_layer_test

pytestmark = pytest.mark.usefixtures("ops_path")

T = 3
SHIFTS = [-1, 0, 1, 1, -1]


def random(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def shifted(x, dtype="float32"):
    layer = IntegerShift(T, dtype=dtype)
    layer.build(x.shape)
    layer.shift.assign(SHIFTS)
    return layer(x)


def test_layer_checks(tmp_path):
    kwargs = {"num_segments": T}
    run_layer_test(IntegerShift, kwargs, (2 * T, 3, 4, 5), (2 * T, 3, 4, 5), tmp_path, "int32")


def test_does_not_move_at_first():
    x = random((2 * T, 3, 4, 5))
    np.testing.assert_array_equal(IntegerShift(T)(x), x)


def test_positive_reads_later():
    x = random((2 * T, 3, 4, 5))
    clips, y = x.reshape(2, T, 3, 4, 5), np.array(shifted(x)).reshape(2, T, 3, 4, 5)
    for channel, shift in enumerate(SHIFTS):
        for t in range(T):
            expected = clips[:, t + shift, ..., channel] if 0 <= t + shift < T else 0
            np.testing.assert_array_equal(y[:, t, ..., channel], expected)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16", "float64"])
def test_equals_rubiks_shift(policy):
    x = random((2 * T, 3, 4, 5))
    shift = np.float32([SHIFTS, [0] * 5, [0] * 5])
    y = shifted(x, policy)
    expected = ops.rubiks_shift(
        keras.ops.cast(x, keras.DTypePolicy(policy).compute_dtype), shift, T
    )
    assert y.dtype == expected.dtype
    np.testing.assert_array_equal(y, expected)


def test_shifts_are_saved(tmp_path):
    inputs = keras.Input((None, None, 5))
    layer = IntegerShift(T)
    model = keras.Model(inputs, layer(inputs))
    layer.shift.assign(SHIFTS)
    assert model.output_shape == (None, None, None, 5)
    assert not layer.trainable_variables
    model.save(tmp_path / "layer.keras")
    loaded = keras.models.load_model(tmp_path / "layer.keras")
    np.testing.assert_array_equal(loaded.layers[-1].shift, SHIFTS)
    x = random((2 * T, 2, 3, 5))
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), shifted(x))


def test_errors():
    with pytest.raises(ValueError, match="`num_segments` must be an integer.*num_segments=0"):
        IntegerShift(0)
    with pytest.raises(ValueError, match="input of .a. must be a channels-last feature map"):
        IntegerShift(T, name="a").build((None, 5, None))
