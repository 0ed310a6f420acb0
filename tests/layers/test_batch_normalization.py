import keras
import numpy as np
import pytest
import tensorflow as tf

from gsf_tf.layers import BatchNormalization
from tests.layers.layer_test import run_layer_test

torch = pytest.importorskip("torch", reason="the twin is PyTorch's BatchNorm2d")


def test_layer(tmp_path):
    run_layer_test(
        BatchNormalization,
        {"momentum": 0.8, "epsilon": 1e-3},
        (4, 5, 3, 6),
        (4, 5, 3, 6),
        tmp_path,
    )


def pair(dtype="float32", channels=5):
    ours = BatchNormalization(dtype=dtype)
    ours.build((None, None, None, channels))
    theirs = torch.nn.BatchNorm2d(channels)
    rng = np.random.default_rng(0)
    for variable, tensor in zip(
        ours.weights,
        (theirs.weight, theirs.bias, theirs.running_mean, theirs.running_var),
        strict=True,
    ):
        value = rng.uniform(0.5, 2, channels).astype("float32")
        variable.assign(value)
        tensor.data.copy_(torch.from_numpy(value))
    return ours, theirs.double() if dtype == "float64" else theirs


@pytest.mark.parametrize("variance", [1.0, 1e-5])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_values_gradients_and_statistics_are_pytorchs(dtype, training, variance):
    ours, theirs = pair(dtype)
    rng = np.random.default_rng(1)
    x, upstream = (rng.normal(size=(4, 3, 2, 5)).astype(dtype) for _ in range(2))
    x = x * np.sqrt(variance) + 0.3
    ours_x, theirs_x = tf.constant(x), torch.from_numpy(x).permute(0, 3, 1, 2).requires_grad_()
    for _ in range(2):
        with tf.GradientTape() as tape:
            tape.watch(ours_x)
            y = ours(ours_x, training=training)
        gradients = tape.gradient(
            y, [ours_x, ours.gamma.value, ours.beta.value], output_gradients=tf.constant(upstream)
        )
        theirs.train(training)
        theirs_y = theirs(theirs_x)
        theirs.zero_grad()
        theirs_x.grad = None
        theirs_y.backward(torch.from_numpy(upstream).permute(0, 3, 1, 2))
    tolerance = {"rtol": 1e-4, "atol": 1e-4} if dtype == "float32" else {"rtol": 1e-9, "atol": 1e-9}
    for our, their in (
        (y, theirs_y.permute(0, 2, 3, 1)),
        (gradients[0] * np.sqrt(variance), theirs_x.grad.permute(0, 2, 3, 1) * np.sqrt(variance)),
        (gradients[1], theirs.weight.grad),
        (gradients[2], theirs.bias.grad),
        (ours.moving_mean, theirs.running_mean),
        (ours.moving_variance, theirs.running_var),
    ):
        np.testing.assert_allclose(np.array(our), their.detach().numpy(), **tolerance)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_keeps_statistics_in_float32(dtype):
    x = tf.cast(tf.random.stateless_normal((8, 9, 9, 5), (1, 2)) * 100 + 1000, dtype)
    half, _ = pair(f"mixed_{dtype}")
    exact, _ = pair("float64")
    y, expected = half(x, training=True), exact(tf.cast(x, "float64"), training=True)
    assert y.dtype == dtype
    np.testing.assert_allclose(tf.cast(y, "float64"), expected, rtol=0.02, atol=0.02)
    np.testing.assert_allclose(half.moving_variance, exact.moving_variance, rtol=1e-4)


def test_a_frozen_layer_normalises_by_what_it_has():
    layer, _ = pair()
    layer.trainable = False
    x = tf.random.stateless_normal((2, 3, 3, 5), (1, 2))
    np.testing.assert_array_equal(layer(x, training=True), layer(x, training=False))


def test_no_frames():
    layer, _ = pair()
    before = [np.array(weight) for weight in layer.weights]
    assert layer(tf.zeros((0, 3, 3, 5))).shape == (0, 3, 3, 5)
    for old, weight in zip(before, layer.weights, strict=True):
        np.testing.assert_array_equal(old, weight)


@pytest.mark.parametrize("argument", [{"axis": 1}, {"renorm": True}, {"scale": False}])
def test_arguments_that_are_fixed(argument):
    with pytest.raises(ValueError, match=f"`{next(iter(argument))}` is always"):
        BatchNormalization(**argument)


def test_is_known_as_a_keras_batch_normalization():
    assert isinstance(BatchNormalization(), keras.layers.BatchNormalization)
