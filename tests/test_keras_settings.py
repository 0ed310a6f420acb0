"""Settings of Keras that gsf_tf cannot work with are named at its import."""

import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from gsf_tf import backbones, layers, ops
from gsf_tf.models import SegmentModel, from_preset, inflate, insert_temporal
from tests import exhaustive

MODEL = from_preset("gsf_resnet14thin", 3, 2, input_shape=(32, 32, 3))
IMAGES = from_preset("rubiksnet_mini", 3, 1, input_shape=(32, 32, 3))


def import_with(settings, folder, first="", **environment):
    (folder / "keras.json").write_text(json.dumps(settings))
    env = {**os.environ, "KERAS_HOME": str(folder), **environment}
    program = f"{first}\nimport gsf_tf"
    return subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("settings", "environment", "message"),
    [
        ({"image_data_format": "channels_first"}, {}, "image_data_format='channels_first'"),
        ({"backend": "jax"}, {}, "backend='jax'"),
        ({"backend": "tensorflow"}, {"KERAS_BACKEND": "torch"}, "backend='torch'"),
    ],
)
def test_another_setting_is_one_clear_error(settings, environment, message, tmp_path):
    process = import_with(settings, tmp_path, **environment)
    assert process.returncode == 1
    last = process.stderr.strip().splitlines()[-1]
    assert last.startswith("gsf_tf.errors.UserError: Keras must have") and message in last
    assert str(tmp_path / "keras.json") in last


@exhaustive.MARK
def test_keras_that_was_imported_first_with_another_backend(tmp_path):
    process = import_with({}, tmp_path, "import keras", KERAS_BACKEND="torch")
    assert "backend='torch'" in process.stderr.strip().splitlines()[-1]


def test_the_usual_settings_and_a_backend_from_the_environment(tmp_path):
    process = import_with({"backend": "jax"}, tmp_path, KERAS_BACKEND="tensorflow")
    assert process.returncode == 0, process.stderr


def feature_map():
    return keras.Input((8, 8, 16))


@pytest.mark.parametrize(
    "build",
    [
        lambda: from_preset("gsf_mobilenetv2", 3, 2, input_shape=(32, 32, 3)),
        lambda: from_preset("tsn_resnet14thin", 3, 2, input_shape=(32, 32, 3)),
        lambda: from_preset("rubiksnet_mini", 3, 2, input_shape=(32, 32, 3)),
        lambda: backbones.RubiksNet(54, (1, 1, 1, 1), input_shape=(32, 32, 3)),
        lambda: backbones.ResNet50(input_shape=(32, 32, 3)),
        lambda: insert_temporal(MODEL.backbone, lambda name: layers.TemporalShift(2, name=name)),
        lambda: keras.models.clone_model(MODEL),
        lambda: SegmentModel(MODEL.backbone, 3, 2),
        lambda: inflate(IMAGES, 2),
        lambda: layers.GateShiftFuse(2),
        lambda: layers.TemporalShift(2),
        lambda: layers.FoldSegments(),
        lambda: layers.ClipNormalization((0, 0, 0), (1, 1, 1)),
        lambda: layers.RubiksShift2D()(feature_map()),
        lambda: layers.BatchNormalization()(feature_map()),
    ],
)
def test_channels_first_after_the_import_is_one_clear_error(build):
    keras.config.set_image_data_format("channels_first")
    try:
        # Keras puts the error of `from_config` into a TypeError.
        with pytest.raises(
            (ValueError, TypeError), match=r"have the image data format 'channels_last'.*Call"
        ):
            build()
    finally:
        keras.config.set_image_data_format("channels_last")


def test_a_model_that_is_there_works_on_under_channels_first(tmp_path):
    clip = np.random.default_rng(0).integers(0, 256, (1, 2, 32, 32, 3), np.uint8)
    expected = MODEL(clip).numpy()
    keras.config.set_image_data_format("channels_first")
    try:
        with ops.use_implementation("reference"):
            np.testing.assert_allclose(MODEL(clip), expected, rtol=1e-4, atol=1e-5)
    finally:
        keras.config.set_image_data_format("channels_last")
