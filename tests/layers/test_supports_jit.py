"""What a layer says of XLA by `supports_jit`, Keras' question before it compiles a model."""

import numpy as np
import pytest
import tensorflow as tf

from gsf_tf import layers

FRAMES = (4, 5, 5, 8)
XLA_COMPILES = {
    "AttentionShift": (lambda: layers.AttentionShift(2), FRAMES),
    "BatchNormalization": (lambda: layers.BatchNormalization(), FRAMES),
    "ClipNormalization": (lambda: layers.ClipNormalization((1,) * 3, (2,) * 3), (2, 2, 5, 5, 3)),
    "FoldSegments": (lambda: layers.FoldSegments(), (2, 2, 5, 5, 3)),
    "GroupedSpatialTemporal": (lambda: layers.GroupedSpatialTemporal(8, 2), FRAMES),
    "SegmentConsensus": (lambda: layers.SegmentConsensus(2), (4, 8)),
}
WITH_A_COMPILED_OP = {
    "GateShift": (lambda: layers.GateShift(2), FRAMES),
    "GateShiftFuse": (lambda: layers.GateShiftFuse(2), FRAMES),
    "IntegerShift": (lambda: layers.IntegerShift(2), FRAMES),
    "MotionSqueeze": (lambda: layers.MotionSqueeze(2, window=3), FRAMES),
    "TemporalShift": (lambda: layers.TemporalShift(2), FRAMES),
}
XLA_CANNOT_COMPILE = {
    "RubiksShift2D": lambda: layers.RubiksShift2D(),
    "RubiksShift3D": lambda: layers.RubiksShift3D(2),
}


def test_every_layer_is_here():
    here = {*XLA_COMPILES, *WITH_A_COMPILED_OP, *XLA_CANNOT_COMPILE}
    everything = {name for name in layers.__all__ if hasattr(getattr(layers, name), "call")}
    everything.remove("TemporalLayer")  # The base class computes nothing.
    assert here == everything


def assert_xla_gives_the_same(layer, shape):
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    eager = layer(x)
    compiled = tf.function(lambda x: layer(x), jit_compile=True)(x)
    np.testing.assert_allclose(compiled, eager, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("make_layer, shape", XLA_COMPILES.values(), ids=XLA_COMPILES)
def test_layers_that_xla_compiles(make_layer, shape):
    layer = make_layer()
    assert layer.supports_jit
    assert_xla_gives_the_same(layer, shape)


@pytest.mark.parametrize("make_layer, shape", WITH_A_COMPILED_OP.values(), ids=WITH_A_COMPILED_OP)
@pytest.mark.parametrize("ops_path", ["reference"], indirect=True)
def test_layers_that_xla_compiles_on_the_reference_path(ops_path, make_layer, shape):
    layer = make_layer()
    assert layer.supports_jit
    assert_xla_gives_the_same(layer, shape)


@pytest.mark.parametrize("name", WITH_A_COMPILED_OP)
@pytest.mark.parametrize("ops_path", ["compiled"], indirect=True)
def test_layers_on_compiled_ops_do_without_xla(ops_path, name):
    layer = WITH_A_COMPILED_OP[name][0]()
    function = tf.function(lambda x: layer(x))
    graph = function.get_concrete_function(tf.TensorSpec(FRAMES)).graph
    compiled_ops = [op.type for op in graph.get_operations() if op.type.startswith("GsfTf>")]
    assert layer.supports_jit == (not compiled_ops)


@pytest.mark.parametrize("make_layer", XLA_CANNOT_COMPILE.values(), ids=XLA_CANNOT_COMPILE)
def test_layers_that_xla_cannot_compile(ops_path, make_layer):
    layer = make_layer()
    assert not layer.supports_jit
    with pytest.raises(ValueError, match="depends on the values of the shift"):
        tf.function(lambda x: layer(x), jit_compile=True)(tf.ones(FRAMES))
