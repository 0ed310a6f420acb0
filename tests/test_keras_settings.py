"""Settings of Keras that gsf_tf cannot work with are named at its import."""

import json
import os
import subprocess
import sys

import pytest


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


def test_keras_that_was_imported_first_with_another_backend(tmp_path):
    process = import_with({}, tmp_path, "import keras", KERAS_BACKEND="torch")
    assert "backend='torch'" in process.stderr.strip().splitlines()[-1]


def test_the_usual_settings_and_a_backend_from_the_environment(tmp_path):
    process = import_with({"backend": "jax"}, tmp_path, KERAS_BACKEND="tensorflow")
    assert process.returncode == 0, process.stderr
