"""The flow between frames: where the motion is known, its twin, its gradients and its limits."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gsf_tf import ops
from gsf_tf.ops import library

T = 3
# Clips, height, width, channels, window, sigma, temperature; also maps smaller than the window.
SHAPES = [(2, 5, 8, 6, 5, 2.0, 20.0), (1, 9, 6, 3, 3, 5.0, 100.0), (1, 3, 2, 5, 9, 5.0, 100.0)]
# What the two paths may differ by, relative to the largest: the rounding of a sum.
TOLERANCES = {"float32": 1e-5, "bfloat16": 1e-2, "float16": 1e-3, "float64": 1e-12}
compiled = pytest.mark.parametrize("ops_path", ["compiled"], indirect=True)


def features(clips, height, width, channels, seed=0, segments=T):
    shape = (clips * segments, height, width, channels)
    return np.random.default_rng(seed).normal(size=shape)


def value_and_gradient(x, upstream, *arguments):
    with tf.GradientTape() as tape:
        tape.watch(x)
        flow = ops.motion_flow(x, *arguments)
        loss = tf.reduce_sum(tf.cast(flow, upstream.dtype) * upstream)
    return flow, tape.gradient(loss, x)


@pytest.mark.parametrize(("x", "y"), [(1, 0), (-3, 2)])
def test_the_flow_is_the_known_motion(ops_path, x, y):
    """A pattern that moves by (x, y); seen where neither the map nor the window ends."""
    pattern = features(1, 16, 16, 32)[:1]
    moved = np.roll(pattern, (y, x), axis=(1, 2))
    flow = ops.motion_flow(np.concatenate([pattern, moved]), 2, 7).numpy()
    inside = flow[:, 4:-4, 4:-4]
    np.testing.assert_allclose(inside[..., 0] * 3, x, atol=0.02)
    np.testing.assert_allclose(inside[..., 1] * 3, y, atol=0.02)
    np.testing.assert_allclose(inside[..., 2], 1, atol=1e-6)
    np.testing.assert_array_equal(flow[0], flow[1])


@pytest.mark.parametrize("shape", SHAPES)
def test_flow_and_gradient_are_the_twins(ops_path, shape):
    torch = pytest.importorskip("torch", reason="the twin is PyTorch")
    from tests.torch_twins.motion_squeeze import flow_of

    *size, window, sigma, temperature = shape
    values = features(*size)
    upstream = np.random.default_rng(1).normal(size=(*values.shape[:-1], 3))

    def ours(x):
        return value_and_gradient(x, upstream, T, window, sigma, temperature)

    if window == 3:  # Also where no size but that of the channels is known.
        spec = tf.TensorSpec([None] * 3 + [size[-1]], tf.float64)
        ours = tf.function(ours, input_signature=[spec], autograph=False)
    theirs = torch.tensor(values.transpose(0, 3, 1, 2), requires_grad=True)
    expected = flow_of(theirs, T, window, sigma, temperature)
    (expected * torch.tensor(upstream.transpose(0, 3, 1, 2))).sum().backward()
    flow, gradient = ours(tf.constant(values))
    np.testing.assert_allclose(
        flow, expected.detach().numpy().transpose(0, 2, 3, 1), rtol=1e-9, atol=1e-9
    )
    np.testing.assert_allclose(
        gradient, theirs.grad.numpy().transpose(0, 2, 3, 1), rtol=1e-9, atol=1e-9
    )


def test_gradient_against_finite_differences(ops_path):
    x, upstream = features(1, 4, 5, 3), features(1, 4, 5, 3, seed=1)
    arguments = (T, 3, 1.0, 5.0)

    def loss(x):
        return tf.reduce_sum(ops.motion_flow(x, *arguments) * upstream)

    _, gradient = value_and_gradient(tf.constant(x), upstream, *arguments)
    for seed in range(3):
        direction = features(1, 4, 5, 3, seed=2 + seed)
        numerical = (loss(x + 1e-6 * direction) - loss(x - 1e-6 * direction)) / 2e-6
        np.testing.assert_allclose(tf.reduce_sum(gradient * direction), numerical, rtol=1e-6)


def test_no_tensor_holds_all_displacements(ops_path):
    """Neither forward nor between forward and backward, whose graph is searched for one.

    What the kernel allocates for itself is in test_motion_flow_cpu.py.
    """

    @tf.function(input_signature=[tf.TensorSpec([4, 6, 6, 8])], autograph=False)
    def step(x):
        return value_and_gradient(x, tf.ones([4, 6, 6, 3]), 2, 9)

    operations = step.get_concrete_function().graph.get_operations()
    sizes = [
        np.prod(output.shape) for op in operations for output in op.outputs if output.shape.rank
    ]
    # The map of features, on the reference path with its padding; none has all 81 displacements.
    largest = {"reference": 2 * (6 + 8) ** 2 * 8, "compiled": 4 * 6 * 6 * 8}
    assert max(filter(None, sizes)) == largest[ops_path] < 2 * 6 * 6 * 81


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_has_the_flow_of_float32(ops_path, dtype):
    """At a temperature of 100, exponents in half precision would be wrong by factors."""
    x = tf.cast(np.abs(features(1, 8, 8, 16)), dtype)
    half = ops.motion_flow(x, T, 5)
    assert half.dtype == x.dtype
    expected = ops.motion_flow(tf.cast(x, "float32"), T, 5)
    np.testing.assert_allclose(tf.cast(half, "float32"), expected, rtol=1e-2, atol=1e-3)


@compiled
@settings(
    max_examples=10,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_paths_are_equal(ops_path, data):
    # Channels and columns with and without a rest beside whole vectors, rows beside more threads.
    channels = data.draw(st.sampled_from([1, 3, 8, 19]), "channels")
    height, width = data.draw(st.sampled_from([(1, 1), (3, 5), (9, 16), (2, 37)]), "size")
    segments = data.draw(st.sampled_from([2, 3, 5]), "segments")
    window = data.draw(st.sampled_from([3, 5, 15]), "window")
    sigma = data.draw(st.sampled_from([1e-20, 0.5, 5.0, 1e20]), "sigma")
    temperature = data.draw(st.sampled_from([0.1, 10.0]), "temperature")
    dtype = data.draw(st.sampled_from(sorted(TOLERANCES)), "dtype")
    computed = "float64" if dtype == "float64" else "float32"
    x = tf.cast(features(2, height, width, channels, segments=segments), dtype)
    upstream = tf.cast(features(2, height, width, 3, 1, segments), computed)
    arguments = (x, upstream, segments, window, sigma, temperature)
    if channels == 1:
        # Then all correlations are about 1, and rounding would choose the maximum.
        arguments = (tf.ones_like(x), *arguments[1:])
    ours = value_and_gradient(*arguments)
    with ops.use_implementation("reference"):
        theirs = value_and_gradient(*arguments)
    for our, their in zip(ours, theirs, strict=True):
        assert our.dtype == their.dtype
        our, their = np.asarray(our, "float64"), np.asarray(their, "float64")
        atol = TOLERANCES[dtype] * max(np.abs(their).max(), 1)
        np.testing.assert_allclose(our, their, rtol=0, atol=atol)


def test_features_of_zero_have_no_flow(ops_path):
    """As ReLU makes them: all displacements have the correlation 0 and so the same weight."""
    x = tf.zeros([2 * T, 4, 5, 6])
    flow, gradient = value_and_gradient(x, tf.ones([2 * T, 4, 5, 3]), T, 7)
    np.testing.assert_allclose(flow, tf.zeros_like(flow), atol=1e-6)
    assert not gradient.numpy().any()


def test_a_nan_shows(ops_path):
    x = features(2, 6, 7, 4)
    x[0, 2, 3, 1] = np.nan
    flow = ops.motion_flow(x, T, 3).numpy()
    assert np.isnan(flow[0, 2, 3]).all()
    assert np.isfinite(flow[T:]).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": tf.zeros((4, 2, 8))}, r"channels\] with a known number.*\(4, 2, 8\)"),
        ({"x": tf.zeros((4, 2, 2, 0))}, r"at least 1.*\(4, 2, 2, 0\)"),
        ({"x": tf.zeros((4, 2, 2, 8), "int32")}, "dtypes float32.*x of int32"),
        ({"num_segments": 3}, r"multiple of num_segments.*\(4, 2, 2, 8\), num_segments=3"),
        ({"num_segments": 1}, "at least 2, because.*num_segments=1"),
        ({"num_segments": 0}, "at least 1.*num_segments=0"),
        ({"num_segments": 2**31}, r"at most 2\*\*31 - 1.*num_segments=2147483648"),
        ({"window": 4}, r"odd integer, 3\.\.255.*window=4"),
        ({"window": 1}, r"odd integer, 3\.\.255.*window=1"),
        ({"window": 257}, r"odd integer, 3\.\.255.*window=257"),
        ({"window": 2**63 + 1}, r"odd integer, 3\.\.255.*window=9223372036854775809"),
        ({"sigma": 0}, r"sigma must be a number > 0.*1\.2e-38\.\.3\.4e\+38.*sigma=0"),
        ({"sigma": 1e-60}, "sigma must be.*float32 holds.*sigma=1e-60"),
        ({"sigma": 1e-38}, "sigma must be.*float32 holds.*sigma=1e-38"),
        ({"sigma": float("nan")}, "sigma must be.*sigma=nan"),
        ({"temperature": -1.0}, "temperature must be.*temperature=-1.0"),
        ({"temperature": 1e60}, r"temperature must be.*temperature=1e\+60"),
    ],
)
def test_errors(ops_path, change, message):
    with pytest.raises(ValueError, match=message):
        ops.motion_flow(**{"x": tf.zeros((4, 2, 2, 8)), "num_segments": 2, "window": 3, **change})


ATTRIBUTES = {"num_segments": 2, "window": 3, "sigma": 1.0, "temperature": 1.0, "S": tf.float32}


@compiled
@pytest.mark.parametrize(
    ("shape", "attributes", "message"),
    [
        ((4, 6), {}, "rank 4|x must be .*Received: x of shape"),
        ((4, 2, 2, 0), {}, "at least one channel.*Received"),
        ((5, 2, 2, 6), {}, "multiple of num_segments.*num_segments 2"),
        ((4, 2, 2, 6), {"num_segments": 1}, "num_segments.*than minimum 2"),
        ((4, 2, 2, 6), {"window": 2**62}, "odd integer in 3..255.*window 4611686018427387904"),
        ((4, 2, 2, 6), {"sigma": 0.0}, "sigma must be a finite number > 0.*sigma 0"),
        ((4, 2, 2, 6), {"temperature": float("nan")}, "temperature must be.*temperature nan"),
        ((4, 2, 2, 6), {"S": tf.float64}, "saved must be double where x is double"),
    ],
)
@pytest.mark.parametrize("known", [True, False])
def test_raw_op_errors(ops_path, shape, attributes, message, known):
    run = tf.function(
        lambda x: library.raw_op("motion_flow")(x, **{**ATTRIBUTES, **attributes}),
        input_signature=[tf.TensorSpec(shape if known else None)],
    )
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError), match=message):
        run(tf.zeros(shape))


@compiled
@pytest.mark.parametrize(
    ("saved", "y_gradient", "message"),
    [
        ((4, 3, 6, 3), (4, 3, 3, 3), r"saved must have the shape \[2,3,6,3\].*\[4,3,6,3\]"),
        ((2, 3, 6, 3), (2, 3, 3, 3), r"y_gradient must have the shape \[4,3,3,3\].*\[2,3,3,3\]"),
    ],
)
def test_raw_gradient_checks_its_inputs(ops_path, saved, y_gradient, message):
    attributes = {name: value for name, value in ATTRIBUTES.items() if name != "S"}
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        library.raw_op("motion_flow_gradient")(
            tf.zeros([4, 3, 3, 5]), tf.zeros(saved), tf.zeros(y_gradient), **attributes
        )


@compiled
def test_the_shapes_of_a_graph_are_known(ops_path):
    graph = tf.Graph()
    with graph.as_default():
        x = tf.compat.v1.placeholder(tf.bfloat16, [None, 5, None, 4])
        flow, saved = library.raw_op("motion_flow")(x, **ATTRIBUTES)
    assert flow.shape.as_list() == [None, 5, None, 3]
    assert saved.shape.as_list() == [None, 5, 6, None]


@pytest.mark.parametrize("shape", [(0, 4, 5, 6), (4, 0, 5, 6), (4, 3, 0, 6)])
def test_nothing_has_no_flow(ops_path, shape):
    flow, gradient = value_and_gradient(tf.zeros(shape), tf.zeros([*shape[:3], 3]), 2, 3)
    assert flow.shape == (*shape[:3], 3) and gradient.shape == shape


@pytest.mark.parametrize("ops_path", ["reference"], indirect=True)
def test_the_reference_has_a_second_derivative(ops_path):
    x, direction = tf.constant(features(1, 3, 4, 3)), features(1, 3, 4, 3, seed=1)
    upstream = features(1, 3, 4, 3, seed=2)

    def slope(x):
        gradient = value_and_gradient(x, upstream, T, 3, 1.0, 5.0)[1]
        return tf.reduce_sum(gradient * direction)

    with tf.GradientTape() as tape:
        tape.watch(x)
        value = slope(x)
    numerical = (slope(x + 1e-5 * direction) - slope(x - 1e-5 * direction)) / 2e-5
    along = tf.reduce_sum(tape.gradient(value, x) * direction)
    np.testing.assert_allclose(along, numerical, rtol=1e-6)


@compiled
def test_the_compiled_gradient_has_none(ops_path):
    x = tf.constant(features(1, 2, 2, 2))
    with tf.GradientTape() as outer:
        outer.watch(x)
        gradient = value_and_gradient(x, tf.ones([T, 2, 2, 3], "float64"), T, 3)[1]
    with pytest.raises(LookupError, match="GsfTf>MotionFlowGradient"):
        outer.gradient(gradient, x)
