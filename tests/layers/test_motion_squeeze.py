"""MotionSqueeze: its flow where the motion is known, its twin, its gradients and its limits."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from gsf_tf.layers import MotionSqueeze
from gsf_tf.ops.reference.motion_flow import motion_flow
from tests.layers.layer_test import run_layer_test

T = 3
# Clips, height, width, channels, window, sigma, temperature; also maps smaller than the window.
SHAPES = [(2, 5, 8, 6, 5, 2.0, 20.0), (1, 9, 6, 3, 3, 5.0, 100.0), (1, 3, 2, 5, 9, 5.0, 100.0)]


def features(clips, height, width, channels, seed=0):
    return np.random.default_rng(seed).normal(size=(clips * T, height, width, channels))


@pytest.mark.parametrize(("x", "y"), [(1, 0), (-3, 2)])
def test_the_flow_is_the_known_motion(x, y):
    """A pattern that moves by (x, y); seen where neither the map nor the window ends."""
    pattern = features(1, 16, 16, 32)[:1]
    moved = np.roll(pattern, (y, x), axis=(1, 2))
    flow = motion_flow(np.concatenate([pattern, moved]), 2, 7, 5.0, 100.0).numpy()
    inside = flow[:, 4:-4, 4:-4]
    np.testing.assert_allclose(inside[..., 0] * 3, x, atol=0.02)
    np.testing.assert_allclose(inside[..., 1] * 3, y, atol=0.02)
    np.testing.assert_allclose(inside[..., 2], 1, atol=1e-6)
    np.testing.assert_array_equal(flow[0], flow[1])


@pytest.mark.parametrize("shape", SHAPES)
def test_flow_and_gradient_are_the_twins(shape):
    torch = pytest.importorskip("torch", reason="the twin is PyTorch")
    from tests.torch_twins.motion_squeeze import flow_of

    *size, window, sigma, temperature = shape
    values = features(*size)
    upstream = np.random.default_rng(1).normal(size=(*values.shape[:-1], 3))

    def ours(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            flow = motion_flow(x, T, window, sigma, temperature)
            loss = tf.reduce_sum(flow * upstream)
        return flow, tape.gradient(loss, x)

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


def test_gradient_against_finite_differences():
    x, upstream = features(1, 4, 5, 3), features(1, 4, 5, 3, seed=1)

    def loss(x):
        return tf.reduce_sum(motion_flow(x, T, 3, 1.0, 5.0) * upstream)

    with tf.GradientTape() as tape:
        point = tf.constant(x)
        tape.watch(point)
        value = loss(point)
    gradient = tape.gradient(value, point)
    for seed in range(3):
        direction = features(1, 4, 5, 3, seed=2 + seed)
        numerical = (loss(x + 1e-6 * direction) - loss(x - 1e-6 * direction)) / 2e-6
        np.testing.assert_allclose(tf.reduce_sum(gradient * direction), numerical, rtol=1e-6)


def test_no_tensor_holds_all_displacements():
    """Neither forward nor between forward and backward, whose graph is searched for one."""

    @tf.function(input_signature=[tf.TensorSpec([4, 6, 6, 8])], autograph=False)
    def step(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(motion_flow(x, 2, 9, 5.0, 100.0))
        return tape.gradient(loss, x)

    operations = step.get_concrete_function().graph.get_operations()
    sizes = [
        np.prod(output.shape) for op in operations for output in op.outputs if output.shape.rank
    ]
    # The largest is the map of features with its padding, not a map with all 81 displacements.
    assert max(filter(None, sizes)) == 2 * (6 + 8) ** 2 * 8 < 2 * 6 * 6 * 81


def test_layer_checks(tmp_path):
    kwargs = {"num_segments": T, "window": 5, "filters": 8, "sigma": 2.0, "temperature": 10.0}
    run_layer_test(MotionSqueeze, kwargs, (2 * T, 6, 7, 12), (2 * T, 6, 7, 12), tmp_path)


def test_parameters_are_those_of_the_paper():
    """GSF paper, Table 8: 24.05 M with and 23.97 M without, both rounded."""
    layer = MotionSqueeze(8)
    layer.build((None, 28, 28, 512))
    trainable = sum(np.prod(variable.shape) for variable in layer.trainable_variables)
    reduction = 512 * 64 + 2 * 64
    stages = sum(
        size**2 * inputs + 2 * inputs + inputs * outputs + 2 * outputs
        for size, inputs, outputs in ((7, 3, 16), (3, 16, 32), (3, 32, 64), (3, 64, 512))
    )
    assert trainable == reduction + stages == 70905


def test_clips_do_not_mix_and_the_last_frame_looks_at_nothing():
    layer = MotionSqueeze(T, window=3, filters=4)
    x = features(2, 5, 5, 4).astype("float32")
    together = layer(x)
    np.testing.assert_allclose(together[:T], layer(x[:T]), rtol=1e-4, atol=1e-5)
    flow = layer.flow(x)
    np.testing.assert_array_equal(flow[T - 1], flow[T - 2])


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_has_the_flow_of_float32(policy):
    """At a temperature of 100, exponents in half precision would be wrong by factors."""
    x = tf.cast(np.abs(features(1, 8, 8, 16)), policy.removeprefix("mixed_"))
    half = motion_flow(x, T, 5, 5.0, 100.0)
    assert half.dtype == x.dtype
    expected = motion_flow(tf.cast(x, "float32"), T, 5, 5.0, 100.0)
    np.testing.assert_allclose(tf.cast(half, "float32"), expected, rtol=1e-2, atol=1e-2)
    layer = MotionSqueeze(T, window=5, filters=8, dtype=policy)
    assert np.isfinite(np.asarray(tf.cast(layer(x), "float32"))).all()


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"num_segments": 1}, "2 or more, because.*num_segments=1"),
        ({"window": 4}, "odd integer >= 3.*window=4"),
        ({"window": 1}, "odd integer >= 3.*window=1"),
        ({"filters": 0}, "filters=0"),
        ({"sigma": 0}, "sigma=0"),
        ({"sigma": float("nan")}, "sigma=nan"),
        ({"temperature": -1.0}, "temperature=-1.0"),
    ],
)
def test_bad_arguments(kwargs, message):
    with pytest.raises(ValueError, match=message):
        MotionSqueeze(**{"num_segments": T, **kwargs})


def test_a_map_must_be_a_map():
    with pytest.raises(ValueError, match="channels-last feature map"):
        MotionSqueeze(T)(keras.ops.ones((T, 4, 4)))
