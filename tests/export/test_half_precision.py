"""A model trained in half precision is exported as a float32 model with its weights."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from gsf_tf.data import LabelMap
from gsf_tf.export import export_saved_model
from gsf_tf.models import from_preset
from gsf_tf.models.float32_copy import float32_copy
from tests import exhaustive
from tests.models.randomize import randomize

LABELS = LabelMap(["down", "left", "up"])
PRESETS = ("gsf_resnet14thin", "gsm_resnet14thin", "rubiksnet_mini", "rubiksnet_mini_aq")
POLICIES = ("mixed_bfloat16", "mixed_float16")
EVERY_TIME = [("gsf_resnet14thin", "mixed_bfloat16")]


def build(preset, policy, num_classes=3):
    keras.config.set_dtype_policy(policy)
    try:
        return from_preset(preset, num_classes, num_segments=2, input_shape=(32, 32, 3))
    finally:
        keras.config.set_dtype_policy("float32")


def clips():
    return np.random.default_rng(0).integers(0, 256, (2, 2, 32, 32, 3), "uint8")


def with_equal_weights(preset, policy):
    """Returns a model in the policy and one in float32."""
    full = build(preset, "float32")
    randomize(full, clips())
    half = build(preset, policy)
    half.set_weights(full.get_weights())
    return half, full


@pytest.mark.parametrize(
    ("preset", "policy"),
    exhaustive.cases(
        [(p, policy) for p in PRESETS for policy in POLICIES], EVERY_TIME.__contains__
    ),
)
def test_export(preset, policy, tmp_path):
    half, full = with_equal_weights(preset, policy)
    half.compile("sgd", loss=lambda y, z: tf.reduce_mean(z))  # Nothing that Keras could save.
    export_saved_model(half, LABELS, tmp_path / "1")  # Compares with the model, within its bound.
    serve = tf.saved_model.load(str(tmp_path / "1"))
    logits = serve.signatures["serving_default"](clip=tf.constant(clips()))["logits"]
    expected = np.asarray(full(clips()))
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())
    assert half.get_layer("classifier").compute_dtype == policy.removeprefix("mixed_")


def test_the_copy_shares_nothing():
    half, full = with_equal_weights("gsf_resnet14thin", "mixed_bfloat16")
    copy = float32_copy(half)
    for weight in half.weights:
        weight.assign(keras.ops.zeros_like(weight))
    np.testing.assert_allclose(copy(clips()), full(clips()), rtol=1e-5, atol=1e-6)
    assert float32_copy(full) is full


def test_several_tasks_in_pure_half_precision():
    model = build("gsf_resnet14thin", "bfloat16", {"verb": 2, "noun": 3})
    copy = float32_copy(model)
    assert copy.output["noun"].shape == (None, 3)
    assert {weight.dtype for weight in copy.weights} == {"float32"}
