"""Every RubiksNet preset trains in every precision, loads in a new process and exports.

Before and after `harden`, where there is something to harden.
"""

import itertools
import subprocess
import sys

import keras
import numpy as np
import pytest

from gsf_tf.data import LabelMap
from gsf_tf.export import export_saved_model
from gsf_tf.models import from_preset, harden, list_presets
from gsf_tf.training import AttentionAnnealing, CoupledSGD
from tests import exhaustive
from tests.models.randomize import randomize

PRESETS = list_presets("rubiksnet_*")
# Small has squeeze-excitation, of which tests/weights compares a model with its twin every time;
# Tiny, Medium and Large have more of Mini's blocks.
EVERY_TIME = ("rubiksnet_mini", "rubiksnet_mini_aq")
LABELS = LabelMap(["down", "left", "up"])
LOAD = """
import pathlib, sys, numpy, keras, gsf_tf
folder = pathlib.Path(sys.argv[1])
clip = numpy.load(folder / "clip.npy")
for file in folder.glob("*.keras"):
    numpy.save(file.with_suffix(".npy"), keras.models.load_model(file)(clip))
"""


def build(preset, policy="float32", **kwargs):
    keras.config.set_dtype_policy(policy)
    try:
        return from_preset(preset, len(LABELS), num_segments=2, input_shape=(64, 64, 3), **kwargs)
    finally:
        keras.config.set_dtype_policy("float32")


def clips():
    return np.random.default_rng(0).integers(0, 256, (2, 2, 64, 64, 3), "uint8")


def annealed(preset):
    """A model with weights that all show in the output, and attention that is one-hot."""
    model = build(preset)
    randomize(model, clips())
    rng = np.random.default_rng(1)
    for layer in model.backbone.layers:
        if hasattr(layer, "attention"):
            layer.attention.assign(
                rng.permuted(np.tile([[0.0], [1], [2]], layer.attention.shape[1:]), axis=0)
            )
    if preset.endswith("_aq"):
        AttentionAnnealing(1).apply(model, 1)
    return model


@pytest.mark.parametrize(
    ("preset", "policy"),
    exhaustive.cases(
        list(itertools.product(PRESETS, ("float32", "mixed_bfloat16", "mixed_float16"))),
        lambda case: (
            case[0] in EVERY_TIME
            and (case[1] == "float32" or case == ("rubiksnet_mini_aq", "mixed_bfloat16"))
        ),
    ),
)
def test_two_steps(preset, policy):
    model = build(preset, policy, **({"shift_budget": 0.5} if preset.endswith("_aq") else {}))
    before = [np.array(variable) for variable in model.trainable_variables]
    optimizer = CoupledSGD(0.1, clip_norm=20.0, shift_normalization="auto")
    if policy == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=16.0)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    # Eager: two steps are over before a graph of the larger networks would be traced.
    model.compile(optimizer, loss, run_eagerly=True)
    history = model.fit(clips(), np.array([0, 2]), batch_size=2, epochs=2, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    moved = [
        np.abs(old - np.array(variable)).max() > 0
        for old, variable in zip(before, model.trainable_variables, strict=True)
    ]
    assert np.mean(moved) > 0.9


@exhaustive.MARK
@pytest.mark.parametrize("preset", PRESETS)
def test_export_and_harden(preset, tmp_path):
    """`export_saved_model` compares the logits on stock TensorFlow with the model's."""
    model = annealed(preset)
    export_saved_model(model, LABELS, tmp_path / "1")
    if preset.endswith("_aq"):
        hardened = harden(model).model
        np.testing.assert_allclose(hardened(clips()), model(clips()), rtol=1e-4, atol=1e-5)
        export_saved_model(hardened, LABELS, tmp_path / "2")


@exhaustive.MARK
@pytest.mark.parametrize(
    "presets", [PRESETS[: len(PRESETS) // 2], PRESETS[len(PRESETS) // 2 :]], ids=["half", "rest"]
)
def test_saved_models_load_in_a_new_process_with_equal_outputs(presets, tmp_path):
    np.save(tmp_path / "clip.npy", clips())
    expected = {}
    for preset in presets:
        expected[preset] = annealed(preset)
        if preset.endswith("_aq"):
            expected[f"{preset}_hard"] = harden(expected[preset]).model
    for name, model in expected.items():
        model.save(tmp_path / f"{name}.keras")
    subprocess.run([sys.executable, "-c", LOAD, str(tmp_path)], check=True)
    for name, model in expected.items():
        np.testing.assert_array_equal(np.load(tmp_path / f"{name}.npy"), model(clips()))
