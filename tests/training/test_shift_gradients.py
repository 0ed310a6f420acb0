import numpy as np
import pytest
import tensorflow as tf

from gsf_tf.training.shift_gradients import normalize_shift_gradient


def by_channel(gradient, temporal_scale):
    """Equation (9) in float64, one channel after the other, with lambda squared in (10)."""
    result = np.zeros(gradient.shape)
    for channel in range(gradient.shape[1]):
        vector = gradient[:, channel].astype("float64")
        if len(vector) == 3:
            vector[0] *= temporal_scale
        if vector.any():
            result[:, channel] = vector / np.linalg.norm(vector)
    return result


@pytest.mark.parametrize("rows", [2, 3])
@pytest.mark.parametrize("temporal_scale", [1.0, 8 / 112, 3.0])
def test_directions(rows, temporal_scale):
    gradient = np.random.default_rng(0).normal(size=(rows, 7)).astype("float32")
    gradient[:, 2] = 0
    gradient[1:, 3] = 0
    gradient[0, 4] = 0
    ours = normalize_shift_gradient(tf.constant(gradient), temporal_scale)
    np.testing.assert_allclose(ours, by_channel(gradient, temporal_scale), rtol=1e-6, atol=1e-7)


def test_by_hand():
    gradient = tf.constant([[4.0, -2.0], [3.0, 0.0], [0.0, 0.0]])
    ours = normalize_shift_gradient(gradient, 1.0)
    np.testing.assert_allclose(ours, [[0.8, -1], [0.6, 0], [0, 0]], rtol=1e-6)
    # Lambda turns the vector towards time or space; lambda squared keeps its length at 1.
    ours = normalize_shift_gradient(gradient, 3.0)
    np.testing.assert_allclose(ours[:2, 0], np.array([12, 3]) / np.sqrt(153), rtol=1e-6)


@pytest.mark.parametrize("factor", [2.0**-100, 2.0**-60, 2.0**60, 2.0**100])
def test_the_length_does_not_matter(factor):
    """Nor where the squares of the entries leave float32."""
    gradient = tf.constant(np.random.default_rng(1).normal(size=(3, 5)), "float32")
    ours = normalize_shift_gradient(gradient * factor, 0.5)
    np.testing.assert_allclose(ours, normalize_shift_gradient(gradient, 0.5), rtol=1e-6)


def test_zero_has_zero_and_a_finite_derivative():
    gradient = tf.zeros((3, 4))
    with tf.GradientTape() as tape:
        tape.watch(gradient)
        result = normalize_shift_gradient(gradient, 2.0)
    assert not np.any(result)
    assert np.isfinite(tape.gradient(result, gradient)).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_stays_so_in_its_channel(bad):
    gradient = tf.constant([[bad, 3.0], [0.0, 4.0], [0.0, 0.0]])
    result = np.array(normalize_shift_gradient(gradient, 1.0))
    assert not np.isfinite(result[:, 0]).all()
    np.testing.assert_allclose(result[:, 1], [0.6, 0.8, 0], rtol=1e-6)
