"""Parts of every preset are models of their own: they are saved, cloned and loaded."""

import keras
import numpy as np
import pytest

from gsf_tf.layers import SegmentConsensus
from gsf_tf.models import from_preset, list_presets
from tests import exhaustive
from tests.models.randomize import randomize

# The others differ from it in layers only; a gated network is in the test of half precision.
EVERY_TIME = ("rubiksnet_mini_aq",)
SIDES = {"inceptionv3": 101}


def build(preset, num_classes=3):
    side = SIDES.get(preset.split("_")[1], 64)
    return from_preset(preset, num_classes, num_segments=2, input_shape=(side, side, 3))


def clips(model):
    shape = (1, *model.input_shape[1:])
    return np.random.default_rng(0).integers(0, 256, shape).astype("float32")


def assert_copies_are_equal(model, inputs, path):
    """Compares a model with what is loaded from its file, and with its clone."""
    expected = keras.tree.flatten(model(inputs))
    model.save(path)
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    for copy in (keras.models.load_model(path), clone):
        assert [weight.path for weight in copy.weights] == [weight.path for weight in model.weights]
        for ours, theirs in zip(keras.tree.flatten(copy(inputs)), expected, strict=True):
            np.testing.assert_array_equal(ours, theirs)
    path.unlink()


@pytest.mark.parametrize("preset", exhaustive.cases(list_presets(), EVERY_TIME.__contains__))
def test_sub_models_and_clones(preset, tmp_path):
    keras.backend.clear_session()
    model = build(preset)
    clip = clips(model)
    randomize(model, clip)
    path = tmp_path / "model.keras"
    features = keras.Model(model.input, model.get_layer("dropout").output)
    assert_copies_are_equal(features, clip, path)
    per_clip = SegmentConsensus(2, dtype=keras.DTypePolicy("float32"))(features.output)
    assert_copies_are_equal(keras.Model(features.input, per_clip), clip, path)
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    np.testing.assert_array_equal(clone(clip), model(clip))
    frames = np.random.default_rng(1).normal(size=(2, *model.backbone.input_shape[1:]))
    middle = model.backbone.layers[len(model.backbone.layers) // 2].output
    assert_copies_are_equal(
        keras.Model(model.backbone.input, [middle, model.backbone.output]), frames, path
    )


@pytest.mark.parametrize(
    "policy", exhaustive.cases(["mixed_bfloat16", "mixed_float16"], "mixed_bfloat16".__eq__)
)
def test_in_half_precision_with_several_tasks(policy, tmp_path):
    keras.config.set_dtype_policy(policy)
    try:
        model = build("gsf_resnet14thin", {"verb": 2, "noun": 3})
    finally:
        keras.config.set_dtype_policy("float32")
    clip = clips(model) + 0.4
    one_task = keras.Model(model.input, model.get_layer("consensus_noun").output)
    assert_copies_are_equal(one_task, clip, tmp_path / "model.keras")
    clone = keras.models.clone_model(model)
    assert set(clone(clip)) == {"verb", "noun"}
