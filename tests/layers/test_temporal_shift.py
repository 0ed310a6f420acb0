import numpy as np
import pytest

from gsf_tf import ops
from gsf_tf.layers import TemporalShift
from tests.layers.layer_test import run_layer_test


def test_moves_an_eighth_of_the_channels_each_way(ops_path):
    x = np.random.default_rng(0).normal(size=(2 * 3, 4, 5, 16)).astype("float32")
    y = np.asarray(TemporalShift(num_segments=3)(x)).reshape(2, 3, 4, 5, 16)
    clip = x.reshape(2, 3, 4, 5, 16)
    np.testing.assert_array_equal(y[:, 0, ..., :2], clip[:, 1, ..., :2])
    np.testing.assert_array_equal(y[:, 2, ..., :2], 0)
    np.testing.assert_array_equal(y[:, 2, ..., 2:4], clip[:, 1, ..., 2:4])
    np.testing.assert_array_equal(y[:, 0, ..., 2:4], 0)
    np.testing.assert_array_equal(y[..., 4:], clip[..., 4:])


def test_layer_checks(ops_path, tmp_path):
    kwargs = {"num_segments": 2, "fold_div": 4}
    run_layer_test(TemporalShift, kwargs, (4, 3, 3, 12), (4, 3, 3, 12), tmp_path)


def test_tells_keras_whether_xla_can_compile_it(ops_path):
    expected = ops.implementation_of("temporal_shift") == "reference"
    assert TemporalShift(num_segments=2).supports_jit is expected


@pytest.mark.parametrize("fold_div", [1, 0, 2.5])
def test_bad_fold_div(fold_div):
    with pytest.raises(ValueError, match=f"integer >= 2.*fold_div={fold_div}"):
        TemporalShift(8, fold_div=fold_div)
