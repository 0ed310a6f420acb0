"""Ops in functions that XLA compiles: the reference path, or an error that says why not."""

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from gsf_tf import layers, ops
from gsf_tf.ops import implementation, library


@pytest.fixture(autouse=True)
def choose_by_default(monkeypatch):
    monkeypatch.delenv("GSF_TF_OPS", raising=False)
    monkeypatch.setattr(implementation, "_warned", set())


@pytest.fixture
def compiled_library(ops_path):
    """The compiled library is there, and nothing chooses between it and the reference path."""
    with ops.use_implementation("auto"):
        yield


needs_library = pytest.mark.parametrize("ops_path", ["compiled"], indirect=True)

X = np.random.default_rng(0).normal(size=(4, 3, 6)).astype("float32")


def shift(x):
    return ops.temporal_shift(x, num_segments=2, fold=2)


def shift_and_gradient(x):
    y = shift(x) ** 2
    return y, tf.gradients(y, x)[0]


def operations(function):
    graph = function.get_concrete_function(tf.TensorSpec(X.shape)).graph
    return {operation.type for operation in graph.get_operations()}


@needs_library
def test_value_and_gradient_are_those_of_the_compiled_op(compiled_library):
    expected = tf.function(shift_and_gradient)(X)
    with pytest.warns(ops.ReferencePathWarning, match="XLA compiles this function.*jit_compile"):
        xla = tf.function(shift_and_gradient, jit_compile=True)(X)
    for one, other in zip(xla, expected, strict=True):
        np.testing.assert_array_equal(one, other)


@needs_library
@pytest.mark.filterwarnings("ignore::gsf_tf.ops.ReferencePathWarning")
def test_only_functions_that_xla_compiles_leave_the_compiled_op(compiled_library):
    assert library.OPS["temporal_shift"] in operations(tf.function(shift))
    assert library.OPS["temporal_shift"] not in operations(tf.function(shift, jit_compile=True))
    assert ops.implementation_of("temporal_shift") == "compiled"


@needs_library
@pytest.mark.filterwarnings("ignore::gsf_tf.ops.ReferencePathWarning")
def test_functions_traced_inside_are_compiled_too(compiled_library):
    inner = tf.function(shift)
    outer = tf.function(lambda x: tf.cond(x[0, 0, 0] < 9, lambda: inner(x), lambda: x))
    y = tf.function(lambda x: outer(x), jit_compile=True)(X)
    np.testing.assert_array_equal(y, shift(X))


@needs_library
def test_choosing_the_reference_path_silences_the_warning(compiled_library):
    with ops.use_implementation("reference"), warnings.catch_warnings():
        warnings.simplefilter("error")
        tf.function(shift, jit_compile=True)(X)


@needs_library
def test_asking_for_the_compiled_op_is_an_error(compiled_library):
    with ops.use_implementation("compiled"):
        with pytest.raises(RuntimeError, match="but XLA compiles this function.*outside of `jit_c"):
            tf.function(shift, jit_compile=True)(X)


@pytest.mark.parametrize("jit_compile", [True, False])
def test_rubiks_shift_is_refused(ops_path, jit_compile):
    @tf.function(jit_compile=jit_compile)
    def shift(x):
        return ops.rubiks_shift(x, tf.zeros([3, 6]), num_segments=2)

    x = tf.ones([2, 3, 3, 6])
    if not jit_compile:
        np.testing.assert_array_equal(shift(x), x)
        return
    with pytest.raises(ValueError, match="rubiks_shift must not.*depends on the values of the sh"):
        shift(x)


def test_keras_says_that_it_does_without_xla_where_a_layer_uses_a_compiled_op(ops_path):
    inputs = keras.Input([4, 4, 8])
    model = keras.Model(inputs, layers.GateShiftFuse(num_segments=2)(inputs))
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        model.compile("sgd", "mse", jit_compile=True)
    messages = [str(warning.message) for warning in record]
    refused = any("Model doesn't support `jit_compile=True`" in message for message in messages)
    assert refused == (ops_path == "compiled")
    assert model.jit_compile == (ops_path == "reference")


@needs_library
@pytest.mark.filterwarnings("ignore::gsf_tf.ops.ReferencePathWarning")
def test_model_made_for_xla_trains_where_the_compiled_op_is_the_default(compiled_library):
    with ops.use_implementation("reference"):
        inputs = keras.Input([4, 4, 8])
        model = keras.Model(inputs, layers.GateShiftFuse(num_segments=2)(inputs))
    x = np.random.default_rng(0).normal(size=(4, 4, 4, 8)).astype("float32")
    losses = []
    weights = model.get_weights()
    for jit_compile in (True, False):
        model.set_weights(weights)
        model.compile("sgd", "mse", jit_compile=jit_compile)
        history = model.fit(x, np.zeros_like(x), batch_size=4, epochs=2, shuffle=False, verbose=0)
        losses.append(history.history["loss"])
    np.testing.assert_allclose(*losses, rtol=1e-5)
