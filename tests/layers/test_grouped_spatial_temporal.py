import numpy as np
import pytest

from gsf_tf.layers import GroupedSpatialTemporal
from tests.layers.layer_test import run_layer_test

T = 3


def brute_force(x, layer):
    frames, height, width, channels = x.shape
    spatial_kernel = np.asarray(layer.spatial_kernel)[0]
    temporal_kernel = np.asarray(layer.temporal_kernel)
    step = layer.strides
    rows, columns = -(-height // step), -(-width // step)
    out = np.zeros((frames, rows, columns, layer.filters))
    split = channels // 2 if layer.beta == 2 else 0
    first, second = (slice(split), slice(split, None)) if split else (slice(None), slice(None))
    for n, i, j in np.ndindex(frames, rows, columns):
        for dt, di, dj in np.ndindex(3, 3, 3):
            t, h, w = n % T + dt - 1, i * step + di - 1, j * step + dj - 1
            if not (0 <= t < T and 0 <= h < height and 0 <= w < width):
                continue
            pixel = x[n + dt - 1, h, w]
            if dt == 1:
                out[n, i, j, : -layer.filters // 4] += pixel[first] @ spatial_kernel[di, dj]
            out[n, i, j, -layer.filters // 4 :] += pixel[second] @ temporal_kernel[dt, di, dj]
    return out


@pytest.mark.parametrize("beta", [1, 2])
@pytest.mark.parametrize("strides", [1, 2])
def test_equals_brute_force(beta, strides):
    x = np.random.default_rng(0).normal(size=(2 * T, 5, 4, 6))
    layer = GroupedSpatialTemporal(8, T, strides, beta, dtype="float64")
    np.testing.assert_allclose(layer(x), brute_force(x, layer), rtol=1e-9, atol=1e-9)


def test_layer_checks(tmp_path):
    kwargs = {"filters": 8, "num_segments": T, "strides": 2, "beta": 1}
    run_layer_test(GroupedSpatialTemporal, kwargs, (2 * T, 6, 5, 4), (2 * T, 3, 3, 8), tmp_path)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"filters": 6}, "multiple of 4.*filters=6"),
        ({"filters": 8, "beta": 3}, "1 or 2.*beta=3"),
        ({"filters": 8, "strides": 0}, "strides=0"),
    ],
)
def test_bad_arguments(kwargs, message):
    with pytest.raises(ValueError, match=message):
        GroupedSpatialTemporal(num_segments=T, **kwargs)


def test_odd_channels_cannot_be_split():
    with pytest.raises(ValueError, match="must be even.*5 channels"):
        GroupedSpatialTemporal(8, T)(np.ones((T, 4, 4, 5), "float32"))
