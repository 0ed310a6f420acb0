"""`causal=True` in layers and presets: no frame reads a later one."""

import numpy as np
import pytest
import tensorflow as tf

from gsf_tf import layers
from gsf_tf.layers.held_shift import held_shift
from gsf_tf.models import SegmentModel, from_preset
from tests import exhaustive

T, CHANNELS = 5, 8
MAKE = {
    "TemporalShift": lambda **kwargs: layers.TemporalShift(T, fold_div=4, **kwargs),
    "GateShift": lambda **kwargs: layers.GateShift(T, **kwargs),
    "GateShiftFuse": lambda **kwargs: layers.GateShiftFuse(T, 0.5, **kwargs),
    "GateShiftFuse, fixed gate": lambda **kwargs: layers.GateShiftFuse(T, gate=-1, **kwargs),
    "RubiksShift3D": lambda **kwargs: layers.RubiksShift3D(T, **kwargs),
    "RubiksShift3D, quantized": lambda **kwargs: layers.RubiksShift3D(
        T, mode="quantized", **kwargs
    ),
    "AttentionShift": lambda **kwargs: layers.AttentionShift(T, **kwargs),
}
PRESETS = ("tsm_resnet14thin", "gsm_resnet14thin", "gsf_resnet14thin", "rubiksnet_mini",
           "rubiksnet_mini_aq")  # fmt: skip


# The others run with `make test-all`.
EVERY_TIME = ("gsf_resnet14thin", "rubiksnet_mini_aq")


def reads_later_frames(function, shape):
    """Whether a frame's output changes with a later frame, and whether it does with its own."""
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    first = np.array(function(x))
    later, own = False, False
    for changed in (1, T - 1):
        other = x.copy()
        other[changed] += 1
        second = np.array(function(other))
        differs = np.any(first != second, axis=tuple(range(1, first.ndim)))
        later |= differs[:changed].any()
        own |= differs[changed]
    return later, own


def with_random_weights(layer):
    """A gate of zero would read no other frame."""
    random = np.random.default_rng(1)
    for weight in layer.trainable_weights:
        weight.assign(random.normal(size=weight.shape))
    return layer


@pytest.mark.parametrize("make", MAKE.values(), ids=MAKE)
def test_no_frame_reads_a_later_one(ops_path, make):
    shape = (T, 4, 3, CHANNELS)
    for causal in (True, False):
        layer = make(causal=causal)
        layer.build(shape)
        assert reads_later_frames(with_random_weights(layer), shape) == (not causal, True)


@pytest.mark.parametrize("preset", exhaustive.cases(PRESETS, EVERY_TIME.__contains__))
def test_presets(preset):
    plain = from_preset(preset, 3, T, (32, 32, 3))
    for layer in plain.backbone.layers:
        if isinstance(layer, layers.TemporalLayer):
            with_random_weights(layer)
    causal = from_preset(preset, 3, T, (32, 32, 3), causal=True)
    # The plain model's weights start the causal one.
    causal.set_weights(plain.get_weights())
    assert reads_later_frames(causal.backbone, (T, 32, 32, 3)) == (False, True)
    assert reads_later_frames(plain.backbone, (T, 32, 32, 3)) == (True, True)
    again = SegmentModel.from_config(causal.get_config())
    assert {layer.causal for layer in again.backbone.layers if hasattr(layer, "causal")} == {True}


@pytest.mark.parametrize("preset", ["tsn_resnet14thin", "gst_resnet50"])
def test_presets_without_a_causal_form(preset):
    with pytest.raises(ValueError, match="`causal` belongs to the tsm_"):
        from_preset(preset, 3, causal=True)


def test_motion_reads_the_next_frame():
    with pytest.raises(ValueError, match="`causal` must be False with MotionSqueeze"):
        # Before any weights are looked for.
        from_preset("tsm_resnet14thin_ms", 3, causal=True, weights="none.keras")


@pytest.mark.parametrize("make", MAKE.values(), ids=MAKE)
def test_wrong_argument(make):
    with pytest.raises(ValueError, match="`causal` must be True or False. Received: causal='yes'"):
        make(causal="yes")


def test_shifts_are_held():
    shift = tf.Variable([-3.0, -1.0, -0.5, 0.0, 2.0])
    for direction in (1.0, -1.0):
        with tf.GradientTape() as tape:
            held = held_shift(tf.convert_to_tensor(shift))
        np.testing.assert_array_equal(held, [-1, -1, -0.5, 0, 0])
        gradient = tape.gradient(held, shift, output_gradients=tf.fill([5], direction))
        # A step against the gradient leads back into the range, or does not happen.
        inwards = [0, 0, 1, 1, 1] if direction > 0 else [1, 1, 1, 0, 0]
        np.testing.assert_array_equal(gradient, direction * np.float32(inwards))


def test_first_shifts_are_within_the_range():
    for temporal in ("learned", "fixed"):
        layer = layers.RubiksShift3D(T, temporal=temporal, causal=True)
        layer.build((None, 4, 4, 64))
        times = np.array(layer.channel_shifts()[0])
        assert -1 <= times.min() < -0.5 and times.max() <= 0


def test_attention_over_two_taps():
    layer = layers.AttentionShift(T, temperature=0.5, causal=True)
    layer.build((None, 4, 4, 2))
    layer.attention.assign([[1, 4], [3, 0], [90, 90]])
    # Two taps a and b differ by sqrt(2) of their deviation.
    larger = 1 / (1 + np.exp(-2 * np.sqrt(2)))
    expected = [[1 - larger, larger], [larger, 1 - larger], [0, 0]]
    np.testing.assert_allclose(layer.distribution(), expected, rtol=1e-5)
    np.testing.assert_array_equal(layer.integer_shifts(), [0, -1])


@pytest.mark.parametrize("make", MAKE.values(), ids=MAKE)
def test_a_training_step(make):
    layer = make(causal=True)
    x = tf.random.stateless_normal((T, 4, 3, CHANNELS), [0, 1])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.square(layer(x)))
    gradients = tape.gradient(loss, layer.trainable_variables)
    assert all(np.all(np.isfinite(gradient)) for gradient in gradients)
