import keras
import numpy as np
import pytest
import tensorflow as tf

from gsf_tf.layers import AttentionShift, IntegerShift
from tests.layers.layer_test import run_layer_test

T, CHANNELS = 4, 6


def random(shape, dtype="float32", seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def built(temperature=2.0, attention=None, channels=CHANNELS, **kwargs):
    layer = AttentionShift(T, temperature, **kwargs)
    layer.build((None, 3, 3, channels))
    layer.attention.assign(random((3, channels), seed=1) if attention is None else attention)
    return layer


def torch_twin(attention, temperature, x, upstream):
    """Equation (7) and its cross-correlation in float64: y, gradients of attention and of x."""
    torch = pytest.importorskip("torch", reason="the parity tests need PyTorch")
    weight = torch.tensor(np.asarray(attention, "float64").T[:, None], requires_grad=True)
    x = torch.tensor(np.asarray(x, "float64"), requires_grad=True)
    frames, height, width, channels = x.shape
    deviation = torch.std(weight, dim=-1, keepdim=True) + 1e-6
    kernel = torch.softmax(weight / deviation / temperature, dim=-1)
    clips = x.reshape(frames // T, T, height, width, channels).permute(0, 2, 3, 4, 1)
    rows = torch.conv1d(clips.reshape(-1, channels, T), kernel, padding=1, groups=channels)
    y = rows.reshape(frames // T, height, width, channels, T).permute(0, 4, 1, 2, 3)
    y = y.reshape(x.shape)
    y.backward(torch.tensor(np.asarray(upstream, "float64")))
    return y.detach().numpy(), weight.grad.numpy()[:, 0].T, x.grad.numpy()


def value_and_gradients(layer, x, upstream):
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch([x, layer.attention.value])
        y = layer(x)
    return y, *tape.gradient(y, [layer.attention.value, x], output_gradients=upstream)


def assert_close(ours, theirs, tolerance):
    for our, their in zip(ours, theirs, strict=True):
        assert np.all(np.isfinite(our))
        np.testing.assert_allclose(our, their, rtol=0, atol=tolerance * np.abs(their).max())


def test_layer_checks(tmp_path):
    kwargs, shape = {"num_segments": T}, (2 * T, 3, 3, CHANNELS)
    run_layer_test(AttentionShift, kwargs, shape, shape, tmp_path, "float32")


@pytest.mark.parametrize("temperature", [2.0, 0.5, 0.05])
def test_equals_equation_7(temperature):
    x, upstream = random((2 * T, 3, 2, CHANNELS)), random((2 * T, 3, 2, CHANNELS), seed=2)
    layer = built(temperature)
    theirs = torch_twin(layer.attention, temperature, x, upstream)
    assert_close(value_and_gradients(layer, x, upstream), theirs, 1e-5)


def test_equals_equation_7_at_its_first_weights():
    # Uniform in [1, 1.05): the division by the deviation magnifies them.
    x, upstream = random((T, 3, 2, CHANNELS)), random((T, 3, 2, CHANNELS), seed=2)
    layer = AttentionShift(T, initializer=keras.initializers.RandomUniform(1, 1.05, seed=1))
    layer.build(x.shape)
    theirs = torch_twin(layer.attention, 2.0, x, upstream)
    assert_close(value_and_gradients(layer, x, upstream), theirs, 1e-4)


def test_distribution_by_hand():
    # Deviations 1 and 2 over three taps whose mean is in the middle.
    layer = built(0.5, np.float32([[0, 4], [1, 2], [2, 0]]), channels=2)
    powers = np.exp([[-2, 2], [0, 0], [2, -2]])
    expected = powers / powers.sum(axis=0)
    np.testing.assert_allclose(layer.distribution(), expected, rtol=1e-5)
    np.testing.assert_allclose(layer.nonzero_share(), 1 - expected[1].mean(), rtol=1e-5)
    np.testing.assert_array_equal(layer.integer_shifts(), [1, -1])
    assert layer.integer_shifts().dtype == "int32"


@pytest.mark.parametrize("tap", [0, 1, 2])
def test_rows_are_the_previous_the_same_and_the_next_frame(tap):
    x = random((2 * T, 3, 2, CHANNELS))
    attention = np.zeros((3, CHANNELS), "float32")
    attention[tap] = 1
    y = np.array(built(1e-3, attention)(x)).reshape(2, T, 3, 2, CHANNELS)
    clips = np.pad(x.reshape(y.shape), [(0, 0), (1, 1), (0, 0), (0, 0), (0, 0)])
    np.testing.assert_array_equal(y, clips[:, tap : tap + T])


def test_distribution_of_nearly_equal_weights():
    """Taps about 1 whose deviation is 1e-5 to 1e-2, as some first weights are by chance."""
    spread = np.logspace(-5, -2, 40)
    attention = np.float32(1.02 + spread * random((3, 40), "float64"))
    exact = np.float64(attention)
    scaled = exact / (exact.std(axis=0, ddof=1) + 1e-6) / 2
    powers = np.exp(scaled - scaled.max(axis=0))
    layer = built(2.0, attention, channels=40)
    np.testing.assert_allclose(layer.distribution(), powers / powers.sum(axis=0), rtol=2e-6)


def test_distributions_sum_to_one():
    for temperature in (2.0, 1.0, 1e-3):
        distribution = np.array(built(temperature).distribution())
        assert distribution.shape == (3, CHANNELS) and distribution.min() >= 0
        np.testing.assert_allclose(distribution.sum(axis=0), 1, rtol=1e-6)


def test_annealed_it_is_an_integer_shift():
    channels = 40
    x, rng = random((2 * T, 3, 2, channels)), np.random.default_rng(3)
    attention = rng.permuted([[0, 1, 2]] * channels, axis=1).T + rng.uniform(0, 0.5, (3, channels))
    layer = built(1e-3, attention, channels=channels)
    shifts = np.array(layer.integer_shifts())
    assert set(shifts) == {-1, 0, 1}
    np.testing.assert_array_equal(shifts, attention.argmax(axis=0) - 1)
    one_hot = np.equal.outer([-1, 0, 1], shifts)
    np.testing.assert_allclose(layer.distribution(), one_hot, atol=1e-6)
    np.testing.assert_allclose(layer.nonzero_share(), np.mean(shifts != 0), rtol=1e-6)
    integer = IntegerShift(T)
    integer.build(x.shape)
    integer.shift.assign(shifts)
    np.testing.assert_allclose(layer(x), integer(x), atol=1e-5)


@pytest.mark.parametrize("temperature", [2.0, 1e-3])
def test_equal_taps_have_a_finite_gradient(temperature):
    x, upstream = random((T, 3, 2, CHANNELS)), random((T, 3, 2, CHANNELS), seed=2)
    layer = built(temperature, np.ones((3, CHANNELS), "float32"))
    np.testing.assert_allclose(layer.distribution(), np.full((3, CHANNELS), 1 / 3), rtol=1e-6)
    theirs = torch_twin(layer.attention, temperature, x, upstream)
    # The least deviation, 1e-10, is a ten-thousandth of the 1e-6 that is added to it.
    assert_close(value_and_gradients(layer, x, upstream), theirs, 1.1e-4)


def test_first_weights():
    layer = AttentionShift(T)
    layer.build((None, 3, 3, 1000))
    attention = np.array(layer.attention)
    assert attention.min() >= 1 and attention.max() < 1.05
    assert attention.min() < 1.001 and attention.max() > 1.049
    assert float(layer.temperature) == 2.0
    own = AttentionShift(T, initializer=keras.initializers.RandomUniform(0, 1, seed=1))
    own.build((None, 3, 3, 1000))
    assert np.array(own.attention).min() < 0.01
    assert [v.name for v in own.trainable_variables] == ["attention"]
    assert [v.name for v in own.non_trainable_variables] == ["temperature"]


def test_temperature_is_saved_with_the_model(tmp_path):
    layer = AttentionShift(T, 1.5, keras.initializers.RandomUniform(0, 1, seed=1), name="attend")
    inputs = keras.Input((None, None, CHANNELS))
    model = keras.Model(inputs, layer(inputs))
    assert model.output_shape == (None, None, None, CHANNELS)
    layer.temperature.assign(0.375)
    model.save(tmp_path / "model.keras")
    model.save_weights(tmp_path / "model.weights.h5")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert float(loaded.get_layer("attend").temperature) == 0.375
    assert loaded.get_layer("attend").get_config() == layer.get_config()
    x = random((2 * T, 3, 2, CHANNELS))
    np.testing.assert_array_equal(loaded(x), model(x))
    again = keras.Model.from_config(model.get_config())
    assert float(again.get_layer("attend").temperature) == 1.5
    np.testing.assert_array_equal(again.get_layer("attend").attention, layer.attention)
    again.load_weights(tmp_path / "model.weights.h5")
    assert float(again.get_layer("attend").temperature) == 0.375


def test_temperature_can_change_between_steps_of_one_graph():
    x = random((T, 3, 2, CHANNELS))
    layer = built(2.0)
    call = tf.function(layer)
    warm = call(x).numpy()
    layer.temperature.assign(1e-3)
    np.testing.assert_allclose(call(x), built(1e-3)(x), rtol=1e-6, atol=1e-6)
    assert np.abs(warm - call(x)).max() > 0.1


def test_no_frames_give_no_gradient():
    x = np.zeros((0, 3, 3, CHANNELS), "float64")
    y, of_attention, _ = value_and_gradients(built(dtype="float64"), x, x)
    assert y.shape == x.shape
    np.testing.assert_array_equal(of_attention, np.zeros((3, CHANNELS)))


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_distribution_stays_in_float32_where_the_map_is_in_half_precision(policy):
    layer = built(dtype=policy)
    assert layer(random((T, 3, 3, CHANNELS))).dtype == policy.removeprefix("mixed_")
    np.testing.assert_array_equal(layer.distribution(), built().distribution())
    assert layer.distribution().dtype == "float32"


@pytest.mark.parametrize("temperature", [0, -1.0])
def test_bad_temperature(temperature):
    message = f"`temperature` must be positive. Received: temperature={temperature}"
    with pytest.raises(ValueError, match=message):
        AttentionShift(T, temperature)


def test_errors():
    with pytest.raises(ValueError, match="`num_segments` must be an integer.*num_segments=1.5"):
        AttentionShift(1.5)
    with pytest.raises(ValueError, match="input of .a. must be a channels-last feature map"):
        AttentionShift(T, name="a").build((None, 5, None))
