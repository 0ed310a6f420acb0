"""Every preset trains under both precisions, and its export runs on stock TensorFlow."""

import keras
import numpy as np
import pytest

from gsf_tf.data import LabelMap
from gsf_tf.export import export_saved_model
from gsf_tf.models import from_preset, list_presets
from tests.models.randomize import randomize

# Small, but with maps large enough in every stage for batch statistics to mean something.
SIDES = {"inceptionv3": 101}
LABELS = LabelMap(["down", "left", "up"])


def build(preset):
    side = SIDES.get(preset.split("_")[1], 64)
    return from_preset(preset, len(LABELS), num_segments=4, input_shape=(side, side, 3))


def clips(model):
    shape = (2, *model.input_shape[1:])
    return np.random.default_rng(0).integers(0, 256, shape, "uint8")


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("preset", list_presets())
def test_two_steps(preset, policy):
    keras.config.set_dtype_policy(policy)
    try:
        model = build(preset)
    finally:
        keras.config.set_dtype_policy("float32")
    before = [np.array(variable) for variable in model.trainable_variables]
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    # Eager: two steps are over before a graph of the larger networks would be traced.
    model.compile(keras.optimizers.SGD(0.1), loss, run_eagerly=True)
    history = model.fit(clips(model), np.array([0, 2]), batch_size=2, epochs=2, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    moved = [
        np.abs(old - np.array(variable)).max() > 0
        for old, variable in zip(before, model.trainable_variables, strict=True)
    ]
    assert np.mean(moved) > 0.9


@pytest.mark.parametrize("preset", list_presets())
def test_export(preset, tmp_path):
    model = build(preset)
    randomize(model, clips(model))
    export_saved_model(model, LABELS, tmp_path / "1")
