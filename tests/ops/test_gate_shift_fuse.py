import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gsf_tf import ops
from gsf_tf.ops import library
from tests.layers.numpy_gated_shift import from_equations

FUSIONS = ("learned", "sum")
# Of the largest value; the reference path rounds after each step.
TOLERANCES = {"float64": 1e-10, "float32": 2e-5, "float16": 2e-2, "bfloat16": 1e-1}
SHAPES = [
    # shape, num_segments, processed channels
    ((8, 5, 7, 40), 4, 24),
    ((6, 3, 1, 9), 3, 8),
    ((4, 1, 1, 4), 4, 4),
    ((3, 4, 4, 36), 1, 36),
    ((4, 9, 10, 150), 2, 148),
]


def random_weights(processed, fusion="learned", dtype="float64", seed=1):
    rng = np.random.default_rng(seed)
    weights = {
        "gamma": rng.uniform(0.5, 1.5, processed),
        "beta": rng.normal(size=processed),
        "moving_mean": rng.normal(size=processed),
        "moving_variance": rng.uniform(0.5, 1.5, processed),
        "gate_kernel": rng.normal(size=(3, 3, 3, processed // 2, 2)) / processed**0.5,
        "gate_bias": rng.normal(size=2),
    }
    if fusion == "learned":
        weights["fusion_kernel"] = rng.normal(size=(2, 3, 3, 2))
        weights["fusion_bias"] = rng.normal(size=2)
    return {name: tf.constant(value, dtype) for name, value in weights.items()}


def random(shape, dtype="float64", seed=0):
    return tf.cast(np.random.default_rng(seed).normal(size=shape), dtype)


def outputs_and_gradients(x, weights, **arguments):
    """Everything that comes out of both directions, flat."""
    trained = [w for name, w in weights.items() if not name.startswith("moving")]
    with tf.GradientTape() as tape:
        tape.watch([x, trained])
        outputs = ops.gate_shift_fuse(x, **weights, **arguments)
    probe = random(x.shape, x.dtype, seed=2)
    return [*outputs, *tape.gradient(outputs[0], [x, *trained], output_gradients=probe)]


def expected_output(x, weights, num_segments, training):
    weights = dict(weights)
    if "fusion_kernel" in weights:
        kernels, biases = weights.pop("fusion_kernel"), weights.pop("fusion_bias")
        for half in (0, 1):
            weights[f"fusion_kernel_{half + 1}"] = kernels[half][..., None]
            weights[f"fusion_bias_{half + 1}"] = biases[half : half + 1]
    return from_equations(x, weights, num_segments, len(weights["gamma"]), training)


def assert_near(ours, others, tolerance):
    for one, other in zip(ours, others, strict=True):
        one, other = (np.asarray(value).astype("float64") for value in (one, other))
        assert one.shape == other.shape
        scale = max(np.abs(other).max(initial=0), 1e-3)
        np.testing.assert_allclose(one, other, rtol=0, atol=tolerance * scale)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("shape, num_segments, processed", SHAPES)
def test_equals_the_equations(ops_path, shape, num_segments, processed, fusion, training):
    x, weights = random(shape), random_weights(processed, fusion)
    arguments = {"num_segments": num_segments, "fusion": fusion, "training": training}
    y, mean, variance = ops.gate_shift_fuse(x, **weights, **arguments)
    expected = expected_output(x, weights, num_segments, training)
    np.testing.assert_allclose(y, expected, rtol=1e-7, atol=1e-7)
    chosen = x.numpy()[..., :processed]
    expected_mean = chosen.mean((0, 1, 2)) if training else weights["moving_mean"]
    expected_variance = chosen.var((0, 1, 2)) if training else weights["moving_variance"]
    np.testing.assert_allclose(mean, expected_mean, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(variance, expected_variance, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("ops_path", ["compiled"], indirect=True)
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("fusion", FUSIONS)
def test_numerical_gradients(ops_path, fusion, training):
    weights = random_weights(4, fusion)
    trained = [name for name in weights if not name.startswith("moving")]
    probe = random((4, 2, 3, 6), seed=2)

    def objective(x, *values):
        replaced = {**weights, **dict(zip(trained, values, strict=True))}
        y, _, _ = ops.gate_shift_fuse(
            x, **replaced, num_segments=2, fusion=fusion, training=training
        )
        return tf.reduce_sum(y * probe)

    values = [random(probe.shape), *(weights[name] for name in trained)]
    theoretical, numerical = tf.test.compute_gradient(objective, values, delta=1e-6)
    for one, other in zip(theoretical, numerical, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("ops_path", ["compiled"], indirect=True)
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("shape, num_segments, processed", [SHAPES[0], SHAPES[-1]])
def test_paths_are_equal(ops_path, shape, num_segments, processed, dtype, fusion, training):
    real = "float64" if dtype == "float64" else "float32"
    x, weights = random(shape, dtype), random_weights(processed, fusion, real)
    arguments = {"num_segments": num_segments, "fusion": fusion, "training": training}
    ours = outputs_and_gradients(x, weights, **arguments)
    with ops.use_implementation("reference"):
        others = outputs_and_gradients(x, weights, **arguments)
    assert [value.dtype for value in ours] == [value.dtype for value in others]
    assert_near(ours, others, TOLERANCES[dtype])


@pytest.mark.parametrize("ops_path", ["compiled"], indirect=True)
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_is_float32_rounded_once(ops_path, dtype):
    x, weights = random((4, 5, 6, 24), dtype), random_weights(20, dtype="float32")
    half = ops.gate_shift_fuse(x, **weights, num_segments=2, training=True)[0]
    single = ops.gate_shift_fuse(tf.cast(x, "float32"), **weights, num_segments=2, training=True)[0]
    np.testing.assert_array_equal(half, tf.cast(single, dtype))


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_random_shapes(ops_path, data):
    num_segments = data.draw(st.integers(1, 4), "num_segments")
    frames = data.draw(st.integers(1, 2), "clips") * num_segments
    height, width = data.draw(st.tuples(st.integers(1, 4), st.integers(1, 11)), "map")
    processed = 4 * data.draw(st.integers(1, 9), "quarter")
    channels = processed + data.draw(st.integers(0, 5), "others")
    fusion = data.draw(st.sampled_from(FUSIONS), "fusion")
    training = data.draw(st.booleans(), "training")
    x, weights = random((frames, height, width, channels)), random_weights(processed, fusion)
    arguments = {"num_segments": num_segments, "fusion": fusion, "training": training}
    results = outputs_and_gradients(x, weights, **arguments)
    expected = expected_output(x, weights, num_segments, training)
    np.testing.assert_allclose(results[0], expected, rtol=1e-6, atol=1e-6)
    with ops.use_implementation("reference"):
        assert_near(results[1:], outputs_and_gradients(x, weights, **arguments)[1:], 1e-6)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("shape", [(0, 4, 4, 8), (4, 0, 4, 8)])
def test_nothing_gives_nothing(ops_path, shape, training):
    x, weights = tf.zeros(shape, "float64"), random_weights(4)
    y, mean, variance = ops.gate_shift_fuse(x, **weights, num_segments=2, training=training)
    assert y.shape == shape
    nothing = np.full(4, np.nan)
    np.testing.assert_array_equal(mean, nothing if training else weights["moving_mean"])
    np.testing.assert_array_equal(variance, nothing if training else weights["moving_variance"])


@pytest.mark.parametrize("ops_path", ["compiled"], indirect=True)
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("shape", [(0, 4, 4, 8), (4, 0, 4, 8)])
def test_nothing_gives_gradients_of_zero(ops_path, shape, training):
    x = tf.zeros(shape, "float64")
    results = outputs_and_gradients(x, random_weights(4), num_segments=2, training=training)
    for gradient in results[3:]:
        np.testing.assert_array_equal(gradient, np.zeros(gradient.shape))


@pytest.mark.parametrize("training", [False, True])
def test_tensors_that_others_read_stay(ops_path, training):
    weights, x = random_weights(8), random((4, 3, 3, 12))
    expected = outputs_and_gradients(tf.abs(x), weights, num_segments=2, training=training)

    @tf.function
    def compute(x, keeps):
        own, probe = tf.abs(x), random(x.shape, x.dtype, seed=2) + 0 * tf.reduce_sum(x)
        with tf.GradientTape() as tape:
            tape.watch(own)
            y, _, _ = ops.gate_shift_fuse(own, **weights, num_segments=2, training=training)
        gradient = tape.gradient(y, own, output_gradients=probe)
        return (y, gradient, own, probe) if keeps else (y, gradient)

    def infer(x, keeps):
        own = tf.abs(x)
        y, _, _ = ops.gate_shift_fuse(own, **weights, num_segments=2, training=training)
        return (y, own) if keeps else (y,)

    y, gradient, own, probe = compute(x, True)
    np.testing.assert_array_equal(own, tf.abs(x))
    np.testing.assert_array_equal(probe, random(x.shape, seed=2))
    assert_near([y, gradient], [expected[0], expected[3]], 1e-12)
    assert_near(compute(x, False), [expected[0], expected[3]], 1e-12)
    y, own = tf.function(infer)(x, True)
    np.testing.assert_array_equal(own, tf.abs(x))
    assert_near([y], expected[:1], 1e-12)
    assert_near(tf.function(infer)(x, False), expected[:1], 1e-12)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_non_finite_values_stay_in_their_clip_and_channel(ops_path, fusion):
    x = random((4, 3, 3, 10)).numpy()
    x[1, 2, 2, 9] = np.inf
    x[1, 0, 0, 1] = np.nan
    y, _, _ = ops.gate_shift_fuse(
        x, **random_weights(8, fusion), num_segments=2, fusion=fusion, training=False
    )
    y = y.numpy()
    np.testing.assert_array_equal(y[..., 8:], x[..., 8:])
    assert np.isnan(y[1, 0, 0, 1]) or np.isnan(y[1, 0, 0, 2])
    # The first clip, first half; the gate at a NaN is NaN, and so are its neighbors'.
    assert np.isnan(y[:2, ..., :4]).any()
    assert np.isfinite(y[:2, ..., 4:8]).all()
    assert np.isfinite(y[2:]).all()


PROGRAM = """
import sys
import numpy as np
import tensorflow as tf
from tests.ops.test_gate_shift_fuse import results_of_a_larger_input
np.savez(sys.argv[1], *results_of_a_larger_input())
"""


def results_of_a_larger_input():
    with ops.use_implementation("compiled"):
        results = outputs_and_gradients(
            random((8, 29, 31, 48), "float32"),
            random_weights(44, dtype="float32"),
            num_segments=4,
            training=True,
        )
    return [np.asarray(result) for result in results]


@pytest.mark.parametrize("ops_path", ["compiled"], indirect=True)
def test_results_do_not_depend_on_threads_nor_much_on_the_instruction_set(ops_path, tmp_path):
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, tmp_path / f"{threads}.npz"],
            env={
                **os.environ,
                "TF_NUM_INTRAOP_THREADS": str(threads),
                "GSF_TF_CPU_VECTOR_BYTES": "16",
            },
        )
        for threads in (1, 5)
    ]
    here = results_of_a_larger_input()
    assert [process.wait() for process in processes] == [0, 0]
    one_thread, five_threads = (np.load(tmp_path / f"{threads}.npz") for threads in (1, 5))
    for one, other in zip(one_thread.values(), five_threads.values(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert_near(here, one_thread.values(), 1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": tf.zeros((4, 2, 8))}, r"channels\] with a known number.*\(4, 2, 8\)"),
        ({"x": tf.zeros((4, 2, 2, 8), "int32")}, "dtypes float32.*x of int32"),
        ({"num_segments": 3}, r"multiple of num_segments.*\(4, 2, 2, 8\) and num_segments=3"),
        ({"num_segments": 0}, "at least 1.*num_segments=0"),
        ({"fusion": "mean"}, "one of learned, sum.*fusion='mean'"),
        ({"fusion": "sum"}, "must be None with fusion 'sum'"),
        ({"fusion_bias": None}, "fusion_bias must be passed.*Received: fusion_bias=None"),
        ({"gamma": tf.ones(6)}, r"multiple of 4.*gamma of shape \(6,\)"),
        ({"gamma": tf.ones(12)}, r"at most the number of channels.*gamma of shape \(12,\)"),
        ({"beta": tf.ones(4)}, r"beta must have the shape \(8,\).*beta of shape \(4,\)"),
        ({"gate_kernel": tf.ones((3, 3, 3, 8, 2))}, r"gate_kernel.*\(3, 3, 3, 4, 2\)"),
    ],
)
def test_errors(ops_path, change, message):
    arguments = {"x": tf.zeros((4, 2, 2, 8)), "num_segments": 2, **random_weights(8), **change}
    with pytest.raises(ValueError, match=message):
        ops.gate_shift_fuse(**arguments)


@pytest.mark.parametrize("ops_path", ["compiled"], indirect=True)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": (4, 8)}, r"x must be.*x of shape \[4,8\]|must be rank 4"),
        ({"x": (5, 2, 2, 8)}, r"multiple of num_segments.*\[5,2,2,8\].*num_segments 2"),
        ({"gamma": (6,)}, r"positive multiple of 4.*gamma of shape \[6\]"),
        ({"gamma": (12,)}, r"not be more than those of x.*\[4,2,2,8\], gamma of shape \[12\]"),
        ({"moving_variance": (7,)}, r"moving_variance must have the shape \[8\].*\[7\]"),
        ({"gate_kernel": (3, 3, 3, 2, 2)}, r"shape \[3,3,3,4,2\].*shape \[3,3,3,2,2\]"),
        ({"gate_bias": (3,)}, r"gate_bias must.*shape \[3\]"),
        ({"fusion_kernel": (0,)}, r"fusion_kernel must.*shape \[0\]"),
        ({"fusion_bias": (1,)}, r"fusion_bias must.*shape \[1\]"),
    ],
)
def test_raw_op_errors(ops_path, change, message):
    shapes = {name: weight.shape for name, weight in random_weights(8).items()}
    shapes = {"x": (4, 2, 2, 8), **shapes, **change}
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        library.raw_op("gate_shift_fuse")(
            **{name: tf.zeros(shape) for name, shape in shapes.items()},
            num_segments=2,
            epsilon=1e-5,
            training=True,
            fusion="learned",
        )


@pytest.mark.parametrize("ops_path", ["compiled"], indirect=True)
def test_raw_gradient_checks_what_the_forward_pass_saved(ops_path):
    x, weights = tf.zeros((4, 2, 2, 8)), random_weights(8, dtype="float32")
    arguments = {"num_segments": 2, "epsilon": 1e-5, "training": True, "fusion": "learned"}
    y, *saved = library.raw_op("gate_shift_fuse")(x, **weights, **arguments)
    gradient = library.raw_op("gate_shift_fuse_gradient")
    trained = [w for name, w in weights.items() if not name.startswith("moving")]
    for index, name in enumerate(["mean", "variance", "gate", "means", "fusion_weight"]):
        wrong = [*saved[:index], saved[index][:1], *saved[index + 1 :]]
        with pytest.raises(tf.errors.InvalidArgumentError, match=f"^.*{name} must have the shape"):
            gradient(y, *trained, x, *wrong, **arguments)
    with pytest.raises(tf.errors.InvalidArgumentError, match="y_gradient must have the shape"):
        gradient(y[:2], *trained, x, *saved, **arguments)


def test_sizes_unknown_to_the_graph(ops_path):
    weights = random_weights(8)
    spec = tf.TensorSpec((None, None, None, 12), "float64")
    compute = tf.function(
        lambda x: ops.gate_shift_fuse(x, **weights, num_segments=2)[0], input_signature=[spec]
    )
    x = random((4, 3, 5, 12))
    expected = expected_output(x, weights, 2, False)
    np.testing.assert_allclose(compute(x), expected, rtol=1e-7, atol=1e-7)
