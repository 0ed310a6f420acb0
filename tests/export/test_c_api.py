"""Exports as the loader of TensorFlow Serving sees them: every signature and the warm-up."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from gsf_tf.data import LabelMap
from gsf_tf.export import export_saved_model
from gsf_tf.models import from_preset, harden
from tests import exhaustive
from tests.export.c_api import ServedModel
from tests.models.randomize import randomize

CASES = (
    *("gsf_resnet14thin", "gsm_resnet14thin", "tsm_resnet14thin", "gst_resnet14thin"),
    *("gsf_mobilenetv2", "gsf_bninception", "gsf_inceptionv3", "rubiksnet_mini"),
    "rubiksnet_mini_aq hardened",
)


def clips(number, size):
    return np.random.default_rng(0).integers(0, 256, (number, 2, size, size, 3), np.uint8)


def backbone_features(model, batch):
    """Returns the mean over frames and space of the backbone's output, `[N, C]`."""
    frames = keras.Model(model.input, model.get_layer("avgpool").output)(batch, training=False)
    return np.asarray(frames).reshape(len(batch), 2, -1).mean(axis=1)


def warmup_requests(file):
    records = tf.data.TFRecordDataset(str(file)).as_numpy_iterator()
    logs = [prediction_log_pb2.PredictionLog.FromString(record) for record in records]
    return [log.predict_log.request for log in logs]


@pytest.mark.parametrize(
    "case", exhaustive.cases(CASES, ("gsf_resnet14thin", "rubiksnet_mini").__contains__)
)
def test_every_signature_runs_with_every_batch_size(case, tmp_path):
    preset, *hardened = case.split()
    size = 75 if preset.endswith("inceptionv3") else 32
    model = from_preset(preset, 3, num_segments=2, input_shape=(size, size, 3))
    randomize(model, clips(3, size))
    model = harden(model).model if hardened else model
    export_saved_model(model, LabelMap(["down", "left", "up"]), tmp_path / "1", warmup=True)
    served = ServedModel(tmp_path / "1")
    names = {"serving_default", "serve_classes", "serve_features"}
    assert names == {name for name in served.signatures if not name.startswith("__")}
    for definition in (served.signatures[name] for name in names):
        assert definition.method_name == "tensorflow/serving/predict"
        # The batcher joins requests along the first axis of every input, and splits every output.
        for tensor in (*definition.inputs.values(), *definition.outputs.values()):
            assert tensor.tensor_shape.dim[0].size == -1
    expected = np.asarray(model(clips(3, size), training=False))
    for number in (1, 3):
        outputs = served.run("serving_default", clip=clips(number, size))
        allowed = 1e-4 * np.abs(expected).max()
        np.testing.assert_allclose(outputs["logits"], expected[:number], rtol=0, atol=allowed)
        np.testing.assert_allclose(outputs["probabilities"].sum(-1), 1, rtol=1e-5)
        (features,) = served.run("serve_features", clip=clips(number, size)).values()
        frames = backbone_features(model, clips(number, size))
        np.testing.assert_allclose(features, frames, rtol=0, atol=1e-4 * np.abs(frames).max())
        best = served.run("serve_classes", ["scores"], clip=clips(number, size))["scores"]
        np.testing.assert_allclose(best, -np.sort(-outputs["probabilities"]), rtol=1e-5)
    with tf.device("CPU:0"):
        loaded = tf.saved_model.load(str(tmp_path / "1")).signatures["serve_classes"]
        classes = loaded(clip=tf.constant(clips(3, size)))["classes"].numpy()
    wanted = np.array([b"down", b"left", b"up"])[np.argsort(-expected, axis=-1)]
    assert classes.tolist() == wanted.tolist()
    requests = warmup_requests(tmp_path / "1" / "assets.extra/tf_serving_warmup_requests")
    assert len(requests) == 6
    assert {request.model_spec.signature_name for request in requests} == names
    for request in requests:
        name, clip = request.model_spec.signature_name, tf.make_ndarray(request.inputs["clip"])
        numbers = [output for output in served.signatures[name].outputs if output != "classes"]
        for output in served.run(name, numbers, clip=clip).values():
            assert len(output) == len(clip)


def test_a_clip_of_another_size_is_refused(tmp_path):
    """Also where its pixels would fill several clips of the right size."""
    model = from_preset("tsm_resnet14thin", 3, num_segments=2, input_shape=(32, 32, 3))
    export_saved_model(model, LabelMap(["down", "left", "up"]), tmp_path / "1")
    served = ServedModel(tmp_path / "1")
    for size in (64, 16, 33):
        with pytest.raises(RuntimeError, match="clip_of_the_models_size"):
            served.run("serving_default", clip=clips(1, size))
