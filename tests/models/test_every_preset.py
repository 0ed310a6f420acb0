"""Every preset of the 2D backbones trains, is saved and loaded, and runs on stock TensorFlow."""

import itertools
import subprocess
import sys

import keras
import numpy as np
import pytest

from gsf_tf.data import LabelMap
from gsf_tf.export import export_saved_model
from gsf_tf.models import from_preset, list_presets
from gsf_tf.models.preset_names import split_preset
from tests import exhaustive
from tests.models.randomize import randomize

PRESETS = [
    preset
    for method in ("tsn", "tsm", "gsm", "gsf", "gst")
    for preset in list_presets(f"{method}_*")
]
# Every method on the smallest network, and GSF on another kind of network.
EVERY_TIME = [
    preset for preset in PRESETS if preset.endswith("_resnet14thin") or preset == "gsf_bninception"
]
SAVED_EVERY_TIME = ["gst_resnet14thin"]
REST = [preset for preset in PRESETS if preset not in SAVED_EVERY_TIME]
# Small, but with maps large enough in every stage for batch statistics to mean something.
SIDES = {"inceptionv3": 101}
LABELS = LabelMap(["down", "left", "up"])


def build(preset, num_segments=4):
    side = SIDES.get(split_preset(preset)[1], 64)
    return from_preset(preset, len(LABELS), num_segments, input_shape=(side, side, 3))


def clips(model, number=2):
    shape = (number, *model.input_shape[1:])
    return np.random.default_rng(0).integers(0, 256, shape, "uint8")


@pytest.mark.parametrize(
    ("preset", "policy"),
    exhaustive.cases(
        list(itertools.product(PRESETS, ("float32", "mixed_bfloat16"))),
        lambda case: (
            case[0] in EVERY_TIME
            and (case[1] == "float32" or case[0] in ("gsf_resnet14thin", "gst_resnet14thin"))
        ),
    ),
)
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


@exhaustive.MARK
@pytest.mark.parametrize("preset", PRESETS)
def test_export(preset, tmp_path):
    model = build(preset)
    randomize(model, clips(model))
    export_saved_model(model, LABELS, tmp_path / "1")


@pytest.mark.parametrize(
    "presets",
    [SAVED_EVERY_TIME, pytest.param(REST, marks=exhaustive.MARK)],
    ids=["every time", "rest"],
)
def test_saved_models_load_in_a_new_process_with_equal_outputs(presets, tmp_path):
    expected = {}
    for preset in presets:
        keras.backend.clear_session()
        model = build(preset, num_segments=2)
        clip = clips(model, number=1)
        randomize(model, clip)
        model.save(tmp_path / f"{preset}.keras")
        np.save(tmp_path / f"{preset}_clip.npy", clip)
        expected[preset] = np.asarray(model(clip))
    program = (
        "import pathlib, sys, numpy, keras, gsf_tf\n"
        "for file in pathlib.Path(sys.argv[1]).glob('*.keras'):\n"
        "    keras.backend.clear_session()\n"
        "    model = keras.models.load_model(file)\n"
        "    file.unlink()\n"  # They are 2 GB together, and pytest keeps the folder.
        "    clip = numpy.load(file.with_name(f'{file.stem}_clip.npy'))\n"
        "    numpy.save(file.with_name(f'{file.stem}.npy'), model(clip))\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True)
    for preset, logits in expected.items():
        assert np.isfinite(logits).all() and np.ptp(logits) > 0
        np.testing.assert_array_equal(np.load(tmp_path / f"{preset}.npy"), logits)
