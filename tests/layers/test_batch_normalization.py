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


def test_a_frozen_layer_normalizes_by_what_it_has():
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
    with pytest.raises(ValueError, match=f"`{next(iter(argument))}` must be.*keras.layers.Batch"):
        BatchNormalization(**argument)


def test_is_known_as_a_keras_batch_normalization():
    assert isinstance(BatchNormalization(), keras.layers.BatchNormalization)


@pytest.mark.parametrize("size", [(8, 4), (3, 5)], ids=["blocks", "no_blocks"])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_activation_is_a_relu_after_it(dtype, training, size):
    policy = dtype if dtype != "bfloat16" else "mixed_bfloat16"
    plain, _ = pair(policy, channels=6)
    rectified = BatchNormalization(activation="relu", dtype=policy)
    rectified.build((None, *size, 6))
    rectified.set_weights(plain.get_weights())
    x = tf.cast(tf.random.stateless_normal((3, *size, 6), (1, 2)), dtype)

    def run(layer, finish):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = finish(layer(x, training=training))
            loss = tf.reduce_sum(tf.square(y))
        return y, *tape.gradient(loss, [x, layer.gamma.value, layer.beta.value])

    tolerance = {"float32": 1e-5, "float64": 1e-12, "bfloat16": 2e-2}[dtype]
    for ours, expected in zip(run(rectified, tf.identity), run(plain, tf.nn.relu), strict=True):
        assert ours.shape == expected.shape
        np.testing.assert_allclose(
            tf.cast(ours, "float64"), tf.cast(expected, "float64"), rtol=tolerance, atol=tolerance
        )


def test_activation_serves_any_size_and_batch():
    rectified = BatchNormalization(activation="relu")
    inputs = keras.Input((None, None, 6))
    model = keras.Model(inputs, rectified(inputs))
    assert model(tf.ones((2, 5, 3, 6))).shape == (2, 5, 3, 6)
    assert rectified(tf.ones((0, 8, 4, 6))).shape == (0, 8, 4, 6)


def test_unknown_activation_is_an_error():
    with pytest.raises(ValueError, match="must be None or .relu..*activation=.gelu."):
        BatchNormalization(activation="gelu")
