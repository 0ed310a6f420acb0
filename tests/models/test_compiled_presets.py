"""Every preset on the compiled kernels equals itself on the reference path.

Gradients are compared in float64. In float32 the two paths round differently, which moves a few of
many activations over the kink of a ReLU, and the gradients of the layers before with them: either
path's are 1 % off those in float64 in a deep network. The kernels' own gradients in float32 are
what `tests/ops` and `tests/layers` compare.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf

from gsf_tf import ops
from gsf_tf.layers import RubiksShift2D
from gsf_tf.models import from_preset, harden, list_presets
from gsf_tf.models.layer_lookup import find_layers
from tests import exhaustive
from tests.models.randomize import randomize

CLASSES, T = 3, 4
# Each layer with a compiled op, before and after strides.
EVERY_TIME = (
    *("tsm_resnet14thin", "gsm_resnet14thin", "gsf_resnet14thin"),
    *("rubiksnet_mini", "rubiksnet_mini_aq"),
)
PRESETS = exhaustive.cases(list_presets(), EVERY_TIME.__contains__)
# InceptionV3 is the one whose last maps are empty with 64 pixels.
SIDES = {"inceptionv3": 101, "mini": 32, "mini_aq": 32}

pytestmark = pytest.mark.parametrize("ops_path", ["compiled"], indirect=True)


def model_and_clips(preset, policy):
    side = SIDES.get(preset.split("_", 1)[1], 64)
    clips = np.random.default_rng(0).integers(0, 256, (2, T, side, side, 3), "uint8")
    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy(policy)
    try:
        model = from_preset(preset, CLASSES, T, clips.shape[2:], dropout=0.0)
    finally:
        keras.config.set_dtype_policy("float32")
    rng = np.random.default_rng(1)
    for layer in find_layers(model, RubiksShift2D):
        layer.shift.assign(rng.uniform(-1.5, 1.5, layer.shift.shape))
    randomize(model, clips)
    return model, clips


def run(model, clips, training):
    """Logits, gradients of all trainable variables, and what the moving statistics became."""
    before = model.get_weights()
    with tf.GradientTape() as tape:
        logits = model(clips, training=training)
        loss = tf.reduce_sum(logits * np.linspace(-1, 1, CLASSES, dtype=logits.dtype.name))
    gradients = tape.gradient(loss, [variable.value for variable in model.trainable_variables])
    moving = [np.array(variable) for variable in model.non_trainable_variables]
    model.set_weights(before)
    return [logits], gradients, moving


def distance(ours, others):
    ours, others = np.asarray(ours), np.asarray(others)
    return np.abs(ours - others).max() / max(np.abs(others).max(), 1e-3)


@pytest.mark.parametrize(
    "preset",
    exhaustive.cases(list_presets(), "gsf_resnet14thin".__eq__),
)
def test_logits_in_float32(ops_path, preset):
    """Equal to 1e-5, or to what float32 costs the reference path itself in a deep network."""
    (single, clips), (double, _) = (model_and_clips(preset, p) for p in ("float32", "float64"))
    double.set_weights(single.get_weights())
    pairs = [(single, double)]
    if preset.endswith("_aq"):
        pairs.append((harden(single).model, harden(double).model))
    for model, exact_model in pairs:
        ours = model(clips, training=False)
        with ops.use_implementation("reference"):
            others = model(clips, training=False)
            exact = exact_model(clips, training=False)
        assert distance(ours, others) <= max(1e-5, 2 * distance(others, exact))


@pytest.mark.parametrize("preset", PRESETS)
def test_logits_and_gradients_in_float64(ops_path, preset):
    model, clips = model_and_clips(preset, "float64")
    for training in (False, True):
        ours = run(model, clips, training)
        with ops.use_implementation("reference"):
            others = run(model, clips, training)
        # Shifts and attention are float32 and so are their gradients.
        for results, expected, tolerance in zip(ours, others, (1e-9, 1e-4, 1e-9), strict=True):
            for one, other in zip(results, expected, strict=True):
                assert distance(one, other) <= tolerance
