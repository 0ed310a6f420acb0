"""The compiled RubiksShift against the reference path, and its TensorFlow ops by themselves."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gsf_tf import ops
from gsf_tf.ops import library
from tests.ops.test_rubiks_shift import (
    ALL_STRIDES,
    MODES,
    SPATIAL_STRIDES,
    random,
    value_and_gradients,
)

pytestmark = [
    pytest.mark.usefixtures("ops_path"),
    pytest.mark.parametrize("ops_path", ["compiled"], indirect=True),
]

# What the two paths may differ by, relative to the largest: the rounding of a sum.
TOLERANCES = {"float32": 1e-5, "bfloat16": 1e-2, "float16": 1e-3, "float64": 1e-12}


@settings(
    max_examples=50,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_paths_are_equal(ops_path, data):
    # Channels of one element, of one narrow and of several wide vectors, with and without a rest.
    channels = data.draw(st.sampled_from([1, 5, 8, 13, 16, 33, 72, 150]), "channels")
    axes = data.draw(st.sampled_from([2, 3]), "axes")
    num_segments = data.draw(st.integers(1, 5), "num_segments")
    strides = data.draw(st.sampled_from(ALL_STRIDES if axes == 3 else SPATIAL_STRIDES), "strides")
    # More rows than a band of the gradient has, and more pixels than a tile.
    height, width = data.draw(st.sampled_from([(1, 1), (3, 5), (20, 4), (2, 70)]), "size")
    reach = data.draw(st.sampled_from([1, 3, 30]), "reach")
    dtype = data.draw(st.sampled_from(sorted(TOLERANCES)), "dtype")
    mode = data.draw(st.sampled_from(MODES), "mode")
    x = random((2 * num_segments, height, width, channels), dtype)
    shift = tf.constant(np.random.default_rng(7).uniform(-reach, reach, (axes, channels)))
    arguments = (x, shift, num_segments, strides, mode)
    _, *ours = value_and_gradients(*arguments)
    with ops.use_implementation("reference"):
        _, *theirs = value_and_gradients(*arguments)
    for our, their in zip(ours, theirs, strict=True):
        assert our.dtype == their.dtype
        our, their = np.asarray(our, "float64"), np.asarray(their, "float64")
        atol = TOLERANCES[dtype] * max(np.abs(their).max(), 1)
        np.testing.assert_allclose(our, their, rtol=0, atol=atol)


@pytest.mark.parametrize(
    "shape, shift, attributes, message",
    [
        ((4, 6), (3, 6), {}, "rank 4|x must be .*Received: x of shape"),
        ((4, 2, 2, 6), (6,), {}, "rank 2|x must be .*Received: x of shape"),
        ((4, 2, 2, 6), (4, 6), {}, r"\[2, channels\].*Received: .*\[4,6\]"),
        ((4, 2, 2, 6), (3, 5), {}, r"\[2, channels\].*Received: .*\[4,2,2,6\].*\[3,5\]"),
        ((4, 2, 2, 6), (3, 6), {"num_segments": 3}, "multiple of num_segments.*num_segments 3"),
        ((4, 2, 2, 6), (3, 6), {"strides": [1, 0, 1]}, r"integers >= 1.*\(1, 0, 1\)"),
        ((4, 2, 2, 6), (3, 6), {"strides": [2, 2]}, r"three integers.*\(2, 2\)"),
        ((4, 2, 2, 6), (2, 6), {"strides": [2, 1, 1]}, r"no stride in time.*\(2, 1, 1\)"),
    ],
)
@pytest.mark.parametrize("known", [True, False])
def test_raw_op_errors(shape, shift, attributes, message, known):
    attributes = {"num_segments": 1, "strides": [1, 1, 1], "quantized": False} | attributes
    run = tf.function(
        lambda x, shift: library.raw_op("rubiks_shift")(x, shift, **attributes),
        input_signature=[tf.TensorSpec(shape if known else None), tf.TensorSpec(None)],
    )
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError), match=message):
        run(tf.zeros(shape), tf.zeros(shift))


def test_raw_op_wants_the_shift_in_the_type_it_computes_in():
    attributes = {"num_segments": 1, "strides": [1, 1, 1], "quantized": False}
    with pytest.raises(tf.errors.InvalidArgumentError, match="shift must be double where x is"):
        library.raw_op("rubiks_shift")(
            tf.zeros([1, 1, 1, 1], "float64"), tf.zeros([3, 1]), **attributes
        )


def test_raw_gradient_checks_the_gradient_of_y():
    attributes = {"num_segments": 1, "strides": [1, 2, 2], "quantized": False}
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"y_gradient.*\[1,2,2,4\].*\[1,3,"):
        library.raw_op("rubiks_shift_gradient")(
            tf.zeros([1, 3, 3, 4]), tf.zeros([2, 4]), tf.zeros([1, 3, 3, 4]), **attributes
        )


def test_the_compiled_gradient_has_none():
    x = tf.ones([1, 2, 2, 1])
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            squares = ops.rubiks_shift(x, tf.fill([2, 1], 0.5)) ** 2
        gradient = inner.gradient(squares, x)
    with pytest.raises(LookupError, match="GsfTf>RubiksShiftGradient"):
        outer.gradient(gradient, x)
