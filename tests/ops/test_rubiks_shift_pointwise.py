"""RubiksShift and the 1x1 convolution after it as one op, against the two ops."""

import numpy as np
import pytest
import tensorflow as tf

from gsf_tf import ops
from gsf_tf.ops import library
from tests.ops.test_rubiks_shift import random

pytestmark = pytest.mark.usefixtures("ops_path")

COMPILED = pytest.mark.parametrize("ops_path", ["compiled"], indirect=True)
# What both may differ by, relative to the largest: the rounding of sums.
TOLERANCES = {"float64": 1e-13, "float32": 5e-6, "bfloat16": 8e-3, "float16": 1e-3}
# Shape of x, frames per clip, filters, strides, mode, rows and reach of the shift.
CASES = [
    # Near shifts; filters of whole vectors, of vectors that share columns, of less than one.
    ((6, 5, 7, 20), 3, 33, 1, "interpolated", 3, 1),
    ((6, 5, 7, 72), 3, 54, 2, "quantized", 3, 1),
    ((4, 1, 1, 5), 2, 1, 1, "interpolated", 3, 1),
    # Far shifts and a stride in time; several chunks of channels.
    ((4, 20, 9, 150), 4, 17, (2, 1, 2), "interpolated", 3, 3),
    # A shift in space alone; a map whose bands are parts of it.
    ((3, 6, 70, 33), 1, 40, 1, "interpolated", 2, 1),
    ((4, 40, 40, 48), 4, 16, 1, "interpolated", 3, 1),
]


def arguments(shape, rows, reach, filters, dtype):
    computed = "float64" if dtype == "float64" else "float32"
    rng = np.random.default_rng(7)
    shift = tf.cast(rng.uniform(-reach, reach, (rows, shape[-1])), computed)
    kernel = random((shape[-1], filters), dtype, 3) / shape[-1] ** 0.5
    return random(shape, dtype), shift, tf.cast(kernel, computed)


def of_two_ops(x, shift, kernel, num_segments, strides, mode, addend):
    shifted = ops.rubiks_shift(x, shift, num_segments, strides, mode)
    y = tf.nn.conv2d(tf.cast(shifted, kernel.dtype), kernel[None, None], 1, "VALID")
    return tf.cast(y + tf.cast(addend, y.dtype), x.dtype)


def value_and_gradients(call, x, shift, kernel, addend, *how):
    with tf.GradientTape() as tape:
        tape.watch([x, shift, kernel, addend])
        y = call(x, shift, kernel, *how, addend)
    return y, *tape.gradient(y, [x, shift, kernel, addend], random(y.shape, y.dtype, 5))


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("shape, num_segments, filters, strides, mode, rows, reach", CASES)
def test_equals_the_two_ops(shape, num_segments, filters, strides, mode, rows, reach, dtype):
    x, shift, kernel = arguments(shape, rows, reach, filters, dtype)
    how = (num_segments, strides, mode)
    size = ops.rubiks_shift(x, shift, *how).shape[:3]
    addend = random((*size, filters), dtype, 4)
    ours = value_and_gradients(ops.rubiks_shift_pointwise, x, shift, kernel, addend, *how)
    theirs = value_and_gradients(of_two_ops, x, shift, kernel, addend, *how)
    for our, their in zip(ours, theirs, strict=True):
        assert our.dtype == their.dtype and our.shape == their.shape
        our, their = np.asarray(our, "float64"), np.asarray(their, "float64")
        atol = TOLERANCES[dtype] * max(np.abs(their).max(), 1)
        np.testing.assert_allclose(our, their, rtol=0, atol=atol)


def test_without_an_addend():
    x, shift, kernel = arguments((4, 5, 5, 20), 3, 1, 12, "float64")
    zeros = tf.zeros((4, 5, 5, 12), "float64")
    with tf.GradientTape() as tape:
        tape.watch([x, shift, kernel])
        y = ops.rubiks_shift_pointwise(x, shift, kernel, 2)
    np.testing.assert_allclose(
        y, of_two_ops(x, shift, kernel, 2, 1, "interpolated", zeros), atol=1e-13
    )
    assert all(np.any(part) for part in tape.gradient(y, [x, shift, kernel]))


@COMPILED
@pytest.mark.parametrize("strides", [1, (2, 1, 2)])
def test_finite_differences(strides):
    rng = np.random.default_rng(3)
    whole, fraction = rng.integers(-2, 2, (3, 2)), rng.uniform(0.1, 0.9, (3, 2))
    weights = random((6, 3, 4, 3), seed=4)

    @tf.function
    def weighted_squares(x, shift, kernel):
        y = ops.rubiks_shift_pointwise(x, shift, kernel, 3, strides)
        return tf.reduce_sum(tf.square(y) * weights[: y.shape[0], : y.shape[1], : y.shape[2]])

    given = [random((6, 3, 4, 2)), tf.constant(whole + fraction), random((2, 3), seed=6)]
    for theory, number in zip(
        *tf.test.compute_gradient(weighted_squares, given, delta=1e-4), strict=True
    ):
        np.testing.assert_allclose(theory, number, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("frames", [0, 4])
def test_sizes_that_only_the_call_knows(frames):
    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 8])] * 2)
    def run(x, addend):
        shift, kernel = tf.fill([3, 8], 0.5), tf.ones([8, 8])
        with tf.GradientTape() as tape:
            tape.watch(kernel)
            y = ops.rubiks_shift_pointwise(x, shift, kernel, 2, addend=addend)
        assert y.shape.as_list() == [None, None, None, 8]
        return y, tape.gradient(y, kernel)

    x = random((frames, 3, 3, 8), "float32")
    y, gradient = run(x, x)
    assert y.shape == x.shape and np.any(gradient) == bool(frames)


def test_wrong_arguments():
    x, shift, kernel = tf.zeros([4, 2, 2, 6]), tf.zeros([3, 6]), tf.zeros([6, 5])
    for wrong, message in [
        ({"kernel": tf.zeros([5, 5])}, r"kernel must be .*Received: x of shape.*\(5, 5\)"),
        ({"kernel": tf.zeros([6, 0])}, r"kernel must be .*\(6, 0\)"),
        ({"kernel": tf.zeros([1, 1, 6, 5])}, r"kernel must be .*\(1, 1, 6, 5\)"),
        ({"addend": tf.zeros([4, 2, 2, 6])}, r"addend must be .*\(4, 2, 2, 5\).*\(4, 2, 2, 6\)"),
        ({"addend": tf.zeros([4, 2, 2, 5], "float64")}, r"addend must be .*float32.*float64"),
        ({"strides": (2, 1, 1), "addend": tf.zeros([4, 2, 2, 5])}, r"addend must be .*\(2, 2, 2, "),
        ({"num_segments": 3}, "multiple of num_segments"),
        ({"mode": "round"}, "mode must be one of"),
        ({"strides": 0}, "strides must be"),
        ({"shift": tf.zeros([4, 6])}, "shift must be"),
    ]:
        given = {"x": x, "shift": shift, "kernel": kernel, "num_segments": 2} | wrong
        with pytest.raises(ValueError, match=message):
            ops.rubiks_shift_pointwise(**given)


def test_xla_is_refused():
    with pytest.raises(ValueError, match="rubiks_shift_pointwise must not be called in a function"):
        tf.function(ops.rubiks_shift_pointwise, jit_compile=True)(
            tf.zeros([2, 2, 2, 3]), tf.zeros([3, 3]), tf.zeros([3, 3])
        )


@COMPILED
@pytest.mark.parametrize("known", [True, False])
def test_raw_op_errors(known):
    attributes = {"num_segments": 1, "strides": [1, 1, 1], "quantized": False}
    for kernel, addends, message in [
        ((5, 4), [], r"kernel must be .*\[4,2,2,6\].*\[5,4\]"),
        ((6, 0), [], r"kernel must be .*\[6,0\]"),
        ((6,), [], r"rank 2|kernel must be .*\[6\]"),
        ((6, 4), [(4, 2, 2, 6)], r"must be equal|addend must have .*\[4,2,2,4\].*\[4,2,2,6\]"),
        ((6, 4), [(4, 2, 2, 4)] * 2, r"addends must be 0 or 1. Received: 2"),
    ]:
        run = tf.function(
            lambda x, kernel, addends: library.raw_op("rubiks_shift_pointwise")(
                x, tf.zeros([3, 6]), kernel, addends, **attributes
            ),
            input_signature=[
                tf.TensorSpec((4, 2, 2, 6)),
                tf.TensorSpec(kernel if known else None),
                [tf.TensorSpec(addend if known else None) for addend in addends],
            ],
        )
        with pytest.raises((ValueError, tf.errors.InvalidArgumentError), match=message):
            run(tf.zeros((4, 2, 2, 6)), tf.zeros(kernel), [tf.zeros(shape) for shape in addends])


@COMPILED
def test_raw_gradient_errors():
    attributes = {"num_segments": 1, "strides": [1, 2, 2], "quantized": False}
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"y_gradient.*\[1,2,2,4\].*\[1,3,"):
        library.raw_op("rubiks_shift_pointwise_gradient")(
            tf.zeros([1, 3, 3, 4]), tf.zeros([2, 4]), tf.zeros([1, 3, 3, 7]), **attributes
        )
