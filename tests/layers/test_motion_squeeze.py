"""MotionSqueeze as a layer; tests/ops/test_motion_flow.py has its flow."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from gsf_tf.layers import MotionSqueeze
from tests import exhaustive
from tests.layers.layer_test import run_layer_test

T = 3


def features(clips, height, width, channels, seed=0):
    return np.random.default_rng(seed).normal(size=(clips * T, height, width, channels))


@pytest.mark.parametrize(
    "ops_path", ["compiled", pytest.param("reference", marks=exhaustive.MARK)], indirect=True
)
def test_layer_checks(ops_path, tmp_path):
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


def test_clips_do_not_mix_and_the_last_frame_looks_at_nothing(ops_path):
    layer = MotionSqueeze(T, window=3, filters=4)
    x = features(2, 5, 5, 4).astype("float32")
    together = layer(x)
    np.testing.assert_allclose(together[:T], layer(x[:T]), rtol=1e-4, atol=1e-5)
    flow = layer.flow(x)
    np.testing.assert_array_equal(flow[T - 1], flow[T - 2])


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_is_finite(ops_path, policy):
    layer = MotionSqueeze(T, window=5, filters=8, dtype=policy)
    assert np.isfinite(np.asarray(tf.cast(layer(features(1, 8, 8, 16)), "float32"))).all()


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"num_segments": 1}, "2 or more, because.*num_segments=1"),
        ({"window": 4}, r"odd integer, 3\.\.255.*window=4"),
        ({"window": 1}, r"odd integer, 3\.\.255.*window=1"),
        ({"window": 257}, r"odd integer, 3\.\.255.*window=257"),
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
