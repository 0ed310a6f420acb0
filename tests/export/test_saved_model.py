import json
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from gsf_tf import ops
from gsf_tf.data import LabelMap, frames_to_clip
from gsf_tf.errors import UserError
from gsf_tf.evaluation import Predictor
from gsf_tf.export import (
    ExportError,
    export_litert,
    export_onnx,
    export_saved_model,
    next_version,
)
from gsf_tf.models import from_preset
from tests import exhaustive

PRESETS = ("gsf_resnet14thin", "tsm_mobilenetv2", "tsn_resnet14thin")
LABELS = LabelMap(["down", "left", "up"])


def small_model(preset="gsf_resnet14thin"):
    model = from_preset(preset, num_classes=3, num_segments=4, input_shape=(32, 32, 3))
    kernel = model.get_layer("classifier").kernel
    kernel.assign(np.random.default_rng(0).normal(size=kernel.shape))
    return model


# test_c_api.py runs an export without Python, and tests/examples serves one, every time.
@exhaustive.MARK
@pytest.mark.parametrize("preset", PRESETS)
def test_runs_where_gsf_tf_is_not_imported(ops_path, preset, tmp_path):
    model = small_model(preset)
    difference = export_saved_model(model, LABELS, tmp_path / "1", short_side=48)
    assert difference < 1e-4
    clip = np.random.default_rng(1).integers(0, 256, (3, 4, 32, 32, 3), "uint8")
    np.save(tmp_path / "clip.npy", clip)
    program = (
        "import sys, numpy, tensorflow as tf\n"
        "serve = tf.saved_model.load(sys.argv[1] + '/1').signatures['serving_default']\n"
        "outputs = serve(clip=tf.constant(numpy.load(sys.argv[1] + '/clip.npy')))\n"
        "assert 'gsf_tf' not in sys.modules\n"
        "numpy.savez(sys.argv[1] + '/outputs.npz', **outputs)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True)
    outputs = np.load(tmp_path / "outputs.npz")
    assert set(outputs) == {"logits", "probabilities"}
    np.testing.assert_allclose(outputs["logits"], model(clip), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(outputs["probabilities"].sum(-1), 1, rtol=1e-5)
    assert (tmp_path / "1/assets/labels.txt").read_text() == "down\nleft\nup\n"
    preprocessing = json.loads((tmp_path / "1/assets/preprocessing.json").read_text())
    assert preprocessing["short_side"] == 48 and preprocessing["image_size"] == [32, 32]


def test_another_op_fails_the_export_and_leaves_nothing(tmp_path):
    if ops.implementation_of("temporal_shift") == "reference":
        pytest.skip("the compiled library is not there, so there is no other op to export")
    raw_op = ops.library.raw_op("temporal_shift")

    class Stubborn(keras.layers.Layer):
        def call(self, inputs):
            flat = keras.ops.mean(inputs, axis=(2, 3))
            folded = keras.ops.reshape(flat, (-1, 3))
            shifted = raw_op(folded, num_segments=4, fold=1)
            return keras.ops.mean(keras.ops.reshape(shifted, (-1, 4, 3)), axis=1)

    inputs = keras.Input((4, 8, 8, 3))
    with pytest.raises(ExportError, match="does not know: GsfTf>TemporalShift"):
        export_saved_model(keras.Model(inputs, Stubborn()(inputs)), LABELS, tmp_path / "1")
    assert list(tmp_path.iterdir()) == []


def test_other_outputs_fail_the_export(tmp_path):
    class Undecided(keras.layers.Layer):
        def call(self, inputs):
            mean = keras.ops.mean(keras.ops.cast(inputs, "float32"), axis=(1, 2, 3))
            return mean + tf.random.uniform(tf.shape(mean))

    inputs = keras.Input((4, 8, 8, 3))
    with pytest.raises(ExportError, match="logits that differ by up to"):
        export_saved_model(keras.Model(inputs, Undecided()(inputs)), LABELS, tmp_path / "1")
    assert list(tmp_path.iterdir()) == []


def test_wrong_numbers_of_labels_in_every_format(tmp_path):
    model = small_model()
    for export in (export_saved_model, export_litert, export_onnx):
        for names in (["a", "b"], ["a", "b", "c", "d"]):
            with pytest.raises(UserError, match=f"3 outputs, {len(names)} labels. Pass the label"):
                export(model, LabelMap(names), tmp_path / "new" / "1")
    assert list(tmp_path.iterdir()) == []


def test_what_exists_is_left_alone_in_every_format(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/notes.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    model = small_model()
    for export in (export_saved_model, export_litert, export_onnx):
        for name in ("folder", "file"):
            with pytest.raises(UserError, match="must be a folder that does not exist yet"):
                export(model, LABELS, tmp_path / name)
    assert (tmp_path / "folder/notes.txt").read_text() == "mine"
    assert (tmp_path / "file").read_text() == "mine"
    assert len(list(tmp_path.iterdir())) == 2


def test_versions_count_up(tmp_path):
    assert next_version(tmp_path / "export").name == "1"
    for name in ("1", "9", "10", "notes"):
        (tmp_path / "export" / name).mkdir(parents=True)
    assert next_version(tmp_path / "export").name == "11"


def test_a_multi_task_model_gives_the_outputs_of_every_task(tmp_path):
    """And its labels are those of the action, wherever that is among the tasks."""
    classes = {"verb": 2, "noun": 5, "action": 3}
    model = from_preset("gsf_resnet14thin", classes, num_segments=2, input_shape=(32, 32, 3))
    for seed, task in enumerate(classes):
        kernel = model.get_layer(f"classifier_{task}").kernel
        kernel.assign(np.random.default_rng(seed).normal(size=kernel.shape))
    # TensorFlow itself loads nothing from a folder whose name is a pattern for it.
    odd = tmp_path / "run [1] \\ *"
    export_saved_model(model, LABELS, odd / "1", sampling="dense", frame_stride=2)
    predictor = Predictor(odd / "1")
    (odd / "1").rename(tmp_path / "1")
    serve = tf.saved_model.load(str(tmp_path / "1")).signatures["serving_default"]
    clip = np.random.default_rng(1).integers(0, 256, (3, 2, 32, 32, 3), "uint8")
    outputs = serve(clip=tf.constant(clip))
    expected = model(clip, training=False)
    for task, prefix in (("action", ""), ("verb", "verb_"), ("noun", "noun_")):
        np.testing.assert_allclose(outputs[f"{prefix}logits"], expected[task], rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(
            outputs[f"{prefix}probabilities"], tf.nn.softmax(expected[task]), atol=1e-4
        )

    # A predictor samples frames as the model's training did.
    frames = np.random.default_rng(2).integers(0, 256, (9, 32, 32, 3), "uint8")
    dense = frames_to_clip(frames, 2, (32, 32), sampling="dense", frame_stride=2)
    wanted = tf.nn.softmax(model(dense[None], training=False)["action"])[0]
    np.testing.assert_allclose(predictor.probabilities(frames), wanted, atol=1e-4)


def test_tasks_without_an_action(tmp_path):
    model = from_preset("tsm_resnet14thin", {"verb": 3, "noun": 4}, 2, (32, 32, 3))
    with pytest.raises(UserError, match="must have the task 'action'.*Received: the tasks verb, n"):
        export_saved_model(model, LABELS, tmp_path / "1")
    assert list(tmp_path.iterdir()) == []
