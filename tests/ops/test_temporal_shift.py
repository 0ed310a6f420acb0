import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gsf_tf import ops
from gsf_tf.ops import library

DTYPES = ("float32", "bfloat16", "float16", "float64")
SHAPES_AND_ARGUMENTS = [
    # shape, num_segments, fold
    ((8, 5, 4, 16), 4, 2),
    ((6, 3, 3, 9), 3, 4),
    ((8, 2, 2, 8), 8, 4),
    ((4, 6), 2, 2),
    ((6, 5, 7), 3, 1),
    ((4, 2, 3, 2, 10), 2, 5),
    ((4, 3, 3, 8), 4, 0),
    ((3, 2, 2, 6), 1, 3),
    ((0, 4, 4, 8), 4, 2),
    ((4, 0, 4, 8), 4, 2),
    ((4, 2, 2, 1), 2, 0),
]


def brute_force(x, num_segments, fold):
    """The definition, one element run at a time."""
    y = np.zeros_like(x)
    for frame in range(x.shape[0]):
        t = frame % num_segments
        for channel in range(x.shape[-1]):
            step = 1 if channel < fold else -1 if channel < 2 * fold else 0
            if 0 <= t + step < num_segments:
                y[frame, ..., channel] = x[frame + step, ..., channel]
    return y


def brute_force_adjoint(x, num_segments, fold):
    """Shifts the other way: the definition on clips played backwards."""

    def backwards(x):
        clips = x.reshape(x.shape[0] // num_segments, num_segments, *x.shape[1:])
        return clips[:, ::-1].reshape(x.shape)

    return backwards(brute_force(backwards(x), num_segments, fold))


def random(shape, dtype="float32", seed=0):
    x = np.random.default_rng(seed).normal(size=shape)
    return tf.cast(tf.constant(x), dtype)


def value_and_gradient(x, num_segments, fold):
    weights = random(x.shape, x.dtype, seed=1)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = ops.temporal_shift(x, num_segments, fold)
    return y, tape.gradient(y, x, output_gradients=weights)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape, num_segments, fold", SHAPES_AND_ARGUMENTS)
def test_equals_the_definition(ops_path, shape, num_segments, fold, dtype):
    x = random(shape, dtype)
    y = ops.temporal_shift(x, num_segments, fold)
    assert y.dtype == x.dtype
    assert y.shape == x.shape
    np.testing.assert_array_equal(y.numpy(), brute_force(x.numpy(), num_segments, fold))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape, num_segments, fold", SHAPES_AND_ARGUMENTS)
def test_gradient_is_the_adjoint(ops_path, shape, num_segments, fold, dtype):
    x = random(shape, dtype)
    _, gradient = value_and_gradient(x, num_segments, fold)
    weights = random(shape, dtype, seed=1).numpy()
    expected = brute_force_adjoint(weights, num_segments, fold)
    np.testing.assert_array_equal(gradient.numpy(), expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape, num_segments, fold", SHAPES_AND_ARGUMENTS)
def test_paths_are_equal_bit_for_bit(ops_path, shape, num_segments, fold, dtype):
    x = random(shape, dtype)
    here = value_and_gradient(x, num_segments, fold)
    with ops.use_implementation("reference"):
        reference = value_and_gradient(x, num_segments, fold)
    for one, other in zip(here, reference, strict=True):
        assert one.numpy().tobytes() == other.numpy().tobytes()


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_random_shapes(ops_path, data):
    num_segments = data.draw(st.integers(1, 9), "num_segments")
    clips = data.draw(st.integers(0, 3), "clips")
    inner = data.draw(st.lists(st.integers(0, 5), max_size=3), "inner")
    channels = data.draw(st.integers(1, 33), "channels")
    fold = data.draw(st.integers(0, channels // 2), "fold")
    dtype = data.draw(st.sampled_from(DTYPES), "dtype")
    x = random((clips * num_segments, *inner, channels), dtype)
    y = ops.temporal_shift(x, num_segments, fold)
    np.testing.assert_array_equal(y.numpy(), brute_force(x.numpy(), num_segments, fold))


def test_large_enough_for_several_threads(ops_path):
    x = random((2 * 8, 56, 56, 64))
    y = ops.temporal_shift(x, 8, 8)
    np.testing.assert_array_equal(y.numpy(), brute_force(x.numpy(), 8, 8))


@pytest.mark.parametrize("dtype", DTYPES)
def test_non_finite_values_pass_and_do_not_spread(ops_path, dtype):
    x = random((6, 2, 8)).numpy()
    x[1, 0] = np.nan
    x[3, 1] = np.inf
    x[5, 0] = -np.inf
    x = tf.cast(x, dtype)
    y = ops.temporal_shift(x, 3, 2).numpy().astype("float64")
    expected = brute_force(x.numpy(), 3, 2).astype("float64")
    np.testing.assert_array_equal(y, expected)


def test_numerical_gradient(ops_path):
    def weighted_squares(x):
        y = ops.temporal_shift(x, 3, 2)
        return tf.reduce_sum(tf.square(y) * random(x.shape, "float64", seed=2))

    theoretical, numerical = tf.test.compute_gradient(
        weighted_squares, [random((6, 2, 2, 5), "float64")], delta=1e-5
    )
    np.testing.assert_allclose(theoretical[0], numerical[0], rtol=1e-7, atol=1e-7)


def test_second_order_gradient(ops_path):
    x = random((4, 3, 6), "float64")
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            cubes = tf.reduce_sum(ops.temporal_shift(x, 2, 2) ** 3)
        first = inner.gradient(cubes, x)
    second = outer.gradient(first, x)
    # Each element that stays in its clip contributes x^3 once.
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = ops.temporal_shift(x, 2, 2)
    kept = tape.gradient(y, x)
    np.testing.assert_allclose(first, kept * 3 * x**2)
    np.testing.assert_allclose(second, kept * 6 * x)


def test_dynamic_shapes(ops_path):
    spec = tf.TensorSpec([None, None, None, 6], "float32")
    shift = tf.function(lambda x: ops.temporal_shift(x, 4, 2), input_signature=[spec])
    assert shift.get_concrete_function().output_shapes.as_list() == [None, None, None, 6]
    for shape in [(4, 3, 2, 6), (8, 1, 5, 6), (0, 2, 2, 6)]:
        x = random(shape)
        np.testing.assert_array_equal(shift(x), brute_force(x.numpy(), 4, 2))
    with pytest.raises(tf.errors.InvalidArgumentError):
        shift(random((6, 2, 2, 6)))


def test_gradient_in_a_graph(ops_path):
    x = random((4, 3, 6))

    @tf.function
    def gradient(x):
        return tf.gradients(tf.reduce_sum(ops.temporal_shift(x, 2, 2) ** 2), x)[0]

    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.reduce_sum(ops.temporal_shift(x, 2, 2) ** 2)
    np.testing.assert_array_equal(gradient(x), tape.gradient(loss, x))


def test_takes_numpy_arrays_and_numpy_integers(ops_path):
    x = random((4, 3, 6)).numpy()
    y = ops.temporal_shift(x, np.int64(2), np.int32(1))
    np.testing.assert_array_equal(y, brute_force(x, 2, 1))


def test_inside_a_keras_model(ops_path):
    inputs = keras.Input([3, 3, 4])
    outputs = keras.layers.Lambda(lambda x: ops.temporal_shift(x, 2, 1))(inputs)
    x = random((4, 3, 3, 4)).numpy()
    y = keras.Model(inputs, outputs).predict(x, verbose=0)
    np.testing.assert_array_equal(y, brute_force(x, 2, 1))


def test_reference_compiles_with_xla():
    x = random((4, 3, 6))
    with ops.use_implementation("reference"):
        y = tf.function(lambda x: ops.temporal_shift(x, 2, 2), jit_compile=True)(x)
    np.testing.assert_array_equal(y, brute_force(x.numpy(), 2, 2))


@pytest.mark.parametrize(
    "shape, num_segments, fold, message",
    [
        ((8,), 2, 1, r"two dimensions.*Received: x of shape \(8,\)"),
        ((), 1, 0, r"two dimensions.*Received: x of shape \(\)"),
        ((6, 2, 8), 4, 1, r"multiple of num_segments\. Received: x of shape \(6, 2, 8\).*=4"),
        ((4, 2, 5), 2, 3, r"2 \* fold <= channels\. Received: x of shape \(4, 2, 5\).*fold=3"),
        ((4, 2, 5), 2, -1, r"fold must not be negative.*fold=-1"),
        ((4, 2, 5), 0, 1, r"num_segments must be at least 1\. Received: .*num_segments=0"),
    ],
)
def test_errors(ops_path, shape, num_segments, fold, message):
    with pytest.raises(ValueError, match=message):
        ops.temporal_shift(tf.zeros(shape), num_segments, fold)


def test_wrong_dtype(ops_path):
    with pytest.raises(ValueError, match="dtypes float32.*Received: x of int32"):
        ops.temporal_shift(tf.zeros([4, 4], "int32"), 2, 1)


def test_unknown_channels(ops_path):
    spec = tf.TensorSpec([4, None], "float32")
    with pytest.raises(ValueError, match="known number of channels. Received: x of shape"):
        tf.function(lambda x: ops.temporal_shift(x, 2, 1)).get_concrete_function(spec)


def raw_temporal_shift(x, **attributes):
    return library.raw_op("temporal_shift")(x, **attributes)


RAW_ERRORS = [
    ((8,), 2, 1, r"\[8\]"),
    ((6, 2, 8), 4, 1, r"multiple of num_segments.*\[6,2,8\] and num_segments 4"),
    ((4, 2, 5), 2, 3, r"2 \* fold <= C.*\[4,2,5\].*C = 5, and fold 3"),
    ((4, 2, 5), 2, -1, "fold"),
    ((4, 2, 5), 0, 1, "num_segments"),
]


@pytest.mark.parametrize("ops_path", ["compiled"], indirect=True)
@pytest.mark.parametrize("shape, num_segments, fold, message", RAW_ERRORS)
def test_raw_op_errors(ops_path, shape, num_segments, fold, message):
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        raw_temporal_shift(tf.zeros(shape), num_segments=num_segments, fold=fold)


@pytest.mark.parametrize("ops_path", ["compiled"], indirect=True)
@pytest.mark.parametrize("shape, num_segments, fold, message", RAW_ERRORS)
def test_raw_op_errors_when_the_graph_is_built(ops_path, shape, num_segments, fold, message):
    def shift(x):
        return raw_temporal_shift(x, num_segments=num_segments, fold=fold)

    with pytest.raises((ValueError, tf.errors.InvalidArgumentError), match=message.split(".*")[0]):
        tf.function(shift).get_concrete_function(tf.TensorSpec(shape, "float32"))


@pytest.mark.parametrize("ops_path", ["compiled"], indirect=True)
def test_raw_op_checks_shapes_unknown_to_the_graph(ops_path):
    spec = tf.TensorSpec(None, "float32")
    shift = tf.function(
        lambda x: raw_temporal_shift(x, num_segments=2, fold=2), input_signature=[spec]
    )
    np.testing.assert_array_equal(shift(tf.ones([2, 4])), [[1, 1, 0, 0], [0, 0, 1, 1]])
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"two dimensions.*shape \[4\]"):
        shift(tf.ones([4]))
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"multiple.*shape \[3,4\]"):
        shift(tf.ones([3, 4]))
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"2 \* fold.*shape \[2,3\]"):
        shift(tf.ones([2, 3]))


@pytest.mark.parametrize("ops_path", ["compiled"], indirect=True)
@pytest.mark.parametrize("dtype", DTYPES)
def test_reverse_is_the_other_direction(ops_path, dtype):
    x = random((6, 2, 7), dtype)
    y = raw_temporal_shift(x, num_segments=3, fold=2, reverse=True)
    np.testing.assert_array_equal(y.numpy(), brute_force_adjoint(x.numpy(), 3, 2))
