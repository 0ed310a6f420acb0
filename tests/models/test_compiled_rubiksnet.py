"""RubiksNet on the compiled kernels against the reference path."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from gsf_tf import ops
from gsf_tf.layers import RubiksShift2D
from gsf_tf.models import from_preset, harden
from gsf_tf.models.find_layers import find_layers
from tests.models.randomize import randomize

T, CLASSES = 3, 4


@pytest.fixture(params=["float32", "float64"])
def policy(request):
    """Where float32's rounding moves an element over a ReLU's kink, its gradient is another."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(request.param)
    yield request.param
    keras.config.set_dtype_policy(before)


def model_and_clip(preset):
    model = from_preset(preset, CLASSES, T, input_shape=(32, 32, 3))
    rng = np.random.default_rng(1)
    clip = rng.integers(0, 256, (2, T, 32, 32, 3), "uint8")
    for layer in find_layers(model, RubiksShift2D):
        layer.shift.assign(rng.uniform(-1.5, 1.5, layer.shift.shape))
    randomize(model, clip)
    return model, clip


def logits_and_gradients(model, clip, implementation):
    with ops.use_implementation(implementation), tf.GradientTape() as tape:
        logits = model(clip, training=False)
        loss = tf.reduce_mean(logits[:, 0] - tf.reduce_logsumexp(logits, -1))
    variables = [variable.value for variable in model.trainable_variables]
    return logits, tape.gradient(loss, variables)


def distance(ours, theirs):
    return np.linalg.norm(ours - theirs) / np.linalg.norm(theirs)


@pytest.mark.parametrize("ops_path", ["compiled"], indirect=True)
@pytest.mark.parametrize("preset", ["rubiksnet_mini", "rubiksnet_mini_aq"])
def test_logits_and_gradients_are_the_references(ops_path, policy, preset):
    model, clip = model_and_clip(preset)
    logits, gradients = logits_and_gradients(model, clip, "compiled")
    expected_logits, expected_gradients = logits_and_gradients(model, clip, "reference")
    assert distance(logits, expected_logits) < {"float32": 1e-5, "float64": 1e-12}[policy]
    if policy == "float64":
        for gradient, expected in zip(gradients, expected_gradients, strict=True):
            # Shifts and attention, which are float32, get gradients of float32.
            assert distance(gradient, expected) < 1e-6


@pytest.mark.parametrize("ops_path", ["compiled"], indirect=True)
def test_hardened_model(ops_path):
    model, clip = model_and_clip("rubiksnet_mini_aq")
    hardened = harden(model).model
    compiled = hardened(clip, training=False)
    with ops.use_implementation("reference"):
        expected = hardened(clip, training=False)
    assert distance(compiled, expected) < 1e-5
