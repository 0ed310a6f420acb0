import numpy as np
import pytest

from gsf_tf.layers import GateShift
from tests.layers.layer_test import run_layer_test
from tests.layers.numpy_gated_shift import numpy_gated_shift, randomized

T = 4


@pytest.mark.parametrize("ratio", [0.5, 1.0])
@pytest.mark.parametrize("training", [False, True])
def test_equals_the_equations(ops_path, ratio, training):
    x = np.random.default_rng(0).normal(size=(2 * T, 3, 5, 16))
    layer = randomized(GateShift(T, ratio, dtype="float64"), x.shape)
    expected = numpy_gated_shift(x, layer, training)
    np.testing.assert_allclose(layer(x, training=training), expected, rtol=1e-9, atol=1e-9)


def test_untrained_it_only_interleaves(ops_path):
    x = np.random.default_rng(0).normal(size=(T, 2, 3, 12)).astype("float32")
    out = np.asarray(GateShift(T, channel_ratio=0.6)(x))
    np.testing.assert_array_equal(out, x[..., [0, 2, 1, 3, 4, 6, 5, 7, 8, 9, 10, 11]])


def test_layer_checks(ops_path, tmp_path):
    kwargs = {"num_segments": T, "channel_ratio": 0.5}
    run_layer_test(GateShift, kwargs, (2 * T, 6, 5, 8), (2 * T, 6, 5, 8), tmp_path)


def test_parameters():
    layer = GateShift(8)
    layer.build((None, 7, 7, 64))
    assert sum(np.prod(v.shape) for v in layer.trainable_variables) == 29 * 64 + 2
