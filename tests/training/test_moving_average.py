import numpy as np
import pytest
import tensorflow as tf

from gsf_tf.models import from_preset
from gsf_tf.training.moving_average import MovingAverage


def model():
    return from_preset("tsn_resnet14thin", 3, num_segments=2, input_shape=(32, 32, 3))


@pytest.mark.parametrize("decay", [0.5, 0.999])
def test_it_is_the_closed_form(decay):
    """e_n = sum over k of (1 - d_k) * (product of the later d) * w_k, from w_0 on."""
    trained = model()
    average = MovingAverage(trained, decay)
    average.reset()
    rng = np.random.default_rng(0)
    history = [trained.get_weights()]
    for step in range(1, 6):
        trained.set_weights([w + rng.normal(size=w.shape) for w in history[-1]])
        history.append(trained.get_weights())
        average.update(tf.constant(step))
    decays = [0.0] + [min(decay, (1 + step) / (10 + step)) for step in range(1, 6)]
    factors = [(1 - d) * np.prod(decays[k + 1 :]) for k, d in enumerate(decays)]
    assert sum(factors) == pytest.approx(1)
    expected = [sum(f * w for f, w in zip(factors, ws, strict=True)) for ws in zip(*history)]  # noqa: B905
    with average.applied():
        for weight, value in zip(trained.weights, expected, strict=True):
            np.testing.assert_allclose(weight, value, rtol=1e-4, atol=1e-5, err_msg=weight.path)
    for weight, value in zip(trained.weights, history[-1], strict=True):
        np.testing.assert_array_equal(weight, value)


def test_weights_come_back_after_an_error():
    trained = model()
    average = MovingAverage(trained, 0.9)
    average.reset()
    trained.set_weights([w + 1 for w in trained.get_weights()])
    before = trained.get_weights()
    with pytest.raises(KeyError), average.applied():
        raise KeyError
    for one, other in zip(before, trained.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("decay", [0.0, 1.0])
def test_bad_decay(decay):
    with pytest.raises(ValueError, match="Received: decay"):
        MovingAverage(model(), decay)
