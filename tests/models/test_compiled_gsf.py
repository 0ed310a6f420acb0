"""Whole networks of GSF and GSM: the compiled path and the reference path are equal."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from gsf_tf import ops
from gsf_tf.models import from_preset
from tests.models.randomize import randomize

CLIPS = np.random.default_rng(0).integers(0, 256, (2, 4, 64, 64, 3), "uint8")


def run(model, training):
    """Logits, gradients of all trainable variables, and what the moving statistics became."""
    before = model.get_weights()
    with tf.GradientTape() as tape:
        logits = model(CLIPS, training=training)
        loss = tf.reduce_sum(logits * np.linspace(-1, 1, 3, dtype=logits.dtype.name))
    gradients = tape.gradient(loss, [variable.value for variable in model.trainable_variables])
    moving = [np.array(variable) for variable in model.non_trainable_variables]
    model.set_weights(before)
    return [logits], gradients, moving


@pytest.mark.parametrize("ops_path", ["compiled"], indirect=True)
@pytest.mark.parametrize(
    ("preset", "policy"),
    [
        ("gsf_resnet14thin", "float32"),
        ("gsm_resnet14thin", "float32"),
        # Many ReLUs after statistics of a small batch: in float32 some values change sign
        # between the paths, and with them the gradients of the first layers by 0.5 %.
        ("gsf_bninception", "float64"),
    ],
)
def test_both_paths_are_equal(ops_path, preset, policy):
    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy(policy)
    try:
        model = from_preset(preset, 3, num_segments=4, input_shape=(64, 64, 3), dropout=0.0)
    finally:
        keras.config.set_dtype_policy("float32")
    randomize(model, CLIPS)
    for training in (False, True):
        ours = run(model, training)
        with ops.use_implementation("reference"):
            others = run(model, training)
        for results, expected, tolerance in zip(ours, others, (1e-5, 1e-4, 1e-5), strict=True):
            for one, other in zip(results, expected, strict=True):
                scale = max(np.abs(other).max(), 1e-3)
                assert np.abs(one - other).max() <= tolerance * scale
