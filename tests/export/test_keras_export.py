"""Keras' own `model.export` of a `SegmentModel`: standard ops, float32, in every format."""

import subprocess
import sys

import keras
import numpy as np
import pytest

from gsf_tf.models import from_preset
from tests import exhaustive
from tests.export.small_models import side
from tests.models.randomize import randomize

PRESETS = ("gsf_resnet14thin", "tsm_mobilenetv2", "rubiksnet_mini", "rubiksnet_mini_aq")
POLICIES = ("float32", "mixed_bfloat16", "mixed_float16")
RUN = """
import sys, numpy, tensorflow as tf
folder = sys.argv[1]
clip = numpy.load(folder + "/clip.npy")
loaded = tf.saved_model.load(folder + "/saved_model")
numpy.save(folder + "/saved_model.npy", loaded.serve(clip))
if sys.argv[2] == "litert":
    lite = tf.lite.Interpreter(model_path=folder + "/model.tflite")
    (inputs,), (outputs,) = lite.get_input_details(), lite.get_output_details()
    lite.resize_tensor_input(inputs["index"], clip.shape)
    lite.allocate_tensors()
    lite.set_tensor(inputs["index"], clip)
    lite.invoke()
    numpy.save(folder + "/litert.npy", lite.get_tensor(outputs["index"]))
assert "gsf_tf" not in sys.modules
"""


def build(preset, policy="float32"):
    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy(policy)
    try:
        return from_preset(preset, 3, num_segments=2, input_shape=(side(preset), side(preset), 3))
    finally:
        keras.config.set_dtype_policy("float32")


def clips(preset):
    shape = (2, 2, side(preset), side(preset), 3)
    return np.random.default_rng(0).integers(0, 256, shape).astype("float32")


@pytest.mark.parametrize(
    ("preset", "policy", "litert"),
    exhaustive.cases(
        [(p, policy, policy == "float32") for p in PRESETS for policy in POLICIES],
        lambda case: case[:2] == (PRESETS[0], "mixed_bfloat16"),
    ),
)
def test_runs_where_gsf_tf_is_not_imported(preset, policy, litert, tmp_path):
    model, same = build(preset, policy), build(preset)
    randomize(same, clips(preset))
    model.set_weights(same.get_weights())
    model.export(tmp_path / "saved_model", verbose=False)
    if litert:
        model.export(tmp_path / "model.tflite", format="litert", verbose=False)
    np.save(tmp_path / "clip.npy", clips(preset))
    command = [sys.executable, "-c", RUN, str(tmp_path), "litert" if litert else ""]
    subprocess.run(command, check=True)
    expected = np.asarray(same(clips(preset)))
    assert np.ptp(expected) > 0
    allowed = 1e-4 + 1e-3 * np.abs(expected).max()
    for file in ["saved_model.npy"] + ["litert.npy"] * litert:
        np.testing.assert_allclose(np.load(tmp_path / file), expected, rtol=0, atol=allowed)


@pytest.mark.parametrize(
    ("format", "package", "suffix"), [("onnx", "tf2onnx", "onnx"), ("openvino", "openvino", "xml")]
)
def test_a_format_whose_package_is_missing(format, package, suffix, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ValueError, match=f"format='{format}' .*export_saved_model"):
        build("tsm_resnet14thin").export(tmp_path / f"model.{suffix}", format=format)


def test_a_format_that_keras_does_not_have(tmp_path):
    with pytest.raises(ValueError, match="Supported formats"):
        build("tsn_resnet14thin").export(tmp_path / "model", format="caffe")
