"""Exports as the loader of TensorFlow Serving sees them: every signature and the warm-up."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from gsf_tf.export import export_saved_model
from gsf_tf.export.jpeg_clips import clips_from_jpegs
from tests import exhaustive
from tests.export.c_api import ServedModel
from tests.export.equal_logits import assert_equal_logits
from tests.export.small_models import LABELS, build, clips, side

CASES = (
    *("gsf_resnet14thin", "gsm_resnet14thin", "tsm_resnet14thin", "gst_resnet14thin"),
    *("gsf_mobilenetv2", "gsf_bninception", "gsf_inceptionv3", "rubiksnet_mini"),
    "rubiksnet_mini_aq hardened",
)


def backbone_features(model):
    """Returns the model of the mean over frames and space of the backbone's output, `[N, C]`."""
    frames = model.get_layer("avgpool").output
    clips_of_frames = keras.ops.reshape(frames, (-1, 2, frames.shape[-1]))
    return keras.Model(model.input, keras.ops.mean(clips_of_frames, axis=1))


def warmup_requests(file):
    records = tf.data.TFRecordDataset(str(file)).as_numpy_iterator()
    logs = [prediction_log_pb2.PredictionLog.FromString(record) for record in records]
    return [log.predict_log.request for log in logs]


@pytest.mark.parametrize("case", exhaustive.cases(CASES, lambda case: case == "gsf_resnet14thin"))
def test_every_signature_runs_with_every_batch_size(case, tmp_path):
    size, model = side(case), build(case)
    pooled = backbone_features(model)
    export_saved_model(model, LABELS, tmp_path / "1", warmup=True)
    served = ServedModel(tmp_path / "1")
    names = {"serving_default", "serve_classes", "serve_features", "serve_jpeg"}
    assert names == {name for name in served.signatures if not name.startswith("__")}
    for definition in (served.signatures[name] for name in names):
        assert definition.method_name == "tensorflow/serving/predict"
        # The batcher joins requests along the first axis of every input, and splits every output.
        for tensor in (*definition.inputs.values(), *definition.outputs.values()):
            shape = tensor.tensor_shape
            # `jpeg` has one or two axes; the server looks at those of the requests.
            assert shape.unknown_rank or shape.dim[0].size == -1
    expected = np.asarray(model(clips(3, size), training=False))
    features = np.asarray(pooled(clips(3, size), training=False))
    for number in (1, 3):
        outputs = served.run("serving_default", clip=clips(number, size))
        assert_equal_logits(model, outputs["logits"], expected, clips(3, size))
        np.testing.assert_allclose(outputs["probabilities"].sum(-1), 1, rtol=1e-5)
        (vectors,) = served.run("serve_features", clip=clips(number, size)).values()
        assert_equal_logits(pooled, vectors, features, clips(3, size))
        best = served.run("serve_classes", clip=clips(number, size))
        probabilities = -np.sort(-outputs["probabilities"])
        np.testing.assert_allclose(best["scores"], probabilities, rtol=1e-5)
        # As `Predictor` ranks them: of equal ones, such as two that are zero, the first.
        order = np.argsort(-outputs["probabilities"], axis=-1, kind="stable")
        wanted = np.array([b"down", b"left", b"up"])[order]
        assert best["classes"].tolist() == wanted.tolist()
    check_jpegs(served, model, size)
    check_refusals(served, size)
    requests = warmup_requests(tmp_path / "1" / "assets.extra/tf_serving_warmup_requests")
    assert len(requests) == 8
    assert {request.model_spec.signature_name for request in requests} == names
    for request in requests:
        (name, value), *_ = request.inputs.items()
        batch = tf.make_ndarray(value)
        outputs = served.run(request.model_spec.signature_name, **{name: batch})
        assert all(len(output) == len(batch) for output in outputs.values())
        assert not any(outputs.get("error", []))


def check_jpegs(served, model, size):
    """Sends frames and pictures as JPEG files, among them one that is none."""
    make_clips = tf.function(lambda jpegs: clips_from_jpegs(jpegs, 2, (size, size))[0])
    frames = np.random.default_rng(1).integers(0, 256, (3, 2, 2 * size, 3 * size, 3), np.uint8)
    files = np.array([[tf.io.encode_jpeg(f).numpy() for f in clip] for clip in frames], object)
    batch = make_clips(tf.constant(files.tolist()))
    expected = np.asarray(model(batch, training=False))
    answers = served.run("serve_jpeg", jpeg=files)
    assert_equal_logits(model, answers["logits"], expected, batch)
    assert answers["error"].tolist() == [b""] * 3
    files[1, 1] = b"no JPEG"
    answers = served.run("serve_jpeg", jpeg=files)
    assert_equal_logits(model, answers["logits"][[0, 2]], expected[[0, 2]], batch)
    assert not answers["probabilities"][1].any() and not any(answers["classes"][1])
    assert answers["error"][1].endswith(b" 1")
    pictures = served.run("serve_jpeg", jpeg=files[:, 0])
    still = make_clips(tf.constant(files[:, 0].tolist()))
    expected = np.asarray(model(still, training=False))
    assert_equal_logits(model, pictures["logits"], expected, still)


def check_refusals(served, size):
    """Sends what the model does not take; also where the pixels would fill several clips."""
    for other in (2 * size, size // 2, size + 1):
        with pytest.raises(RuntimeError) as refused:
            served.run("serving_default", clip=clips(1, other))
        for part in ("clip_of_the_models_size", f"[1,2,{other},{other},3]", f"{size},{size},3]"):
            assert part in str(refused.value)
    # Another number of frames or of colors, and a clip without the axis of the batch.
    for shape in ((1, 3, size, size, 3), (1, 2, size, size, 1), (2, size, size, 3)):
        for signature in ("serving_default", "serve_classes", "serve_features"):
            with pytest.raises(RuntimeError) as refused:
                served.run(signature, clip=np.zeros(shape, np.uint8))
            for part in ("clip_of_the_models_size", str(list(shape)).replace(" ", "")):
                assert part in str(refused.value)
    # TensorFlow compares types before the graph runs. It counts the inputs; there is one.
    for signature, name, value, types in (
        ("serving_default", "clip", clips(1, size).astype(np.float32), "uint8 but float"),
        ("serve_classes", "clip", np.full([1, 2], b"a JPEG", object), "uint8 but string"),
        ("serve_jpeg", "jpeg", clips(1, size), "string but uint8"),
    ):
        with pytest.raises(RuntimeError, match=rf"Expects arg\[0\] to be {types} is provided"):
            served.run(signature, **{name: value})
    for shape in ((2, 3), (2, 2, 1)):
        with pytest.raises(RuntimeError, match="`jpeg` must be JPEG files") as refused:
            served.run("serve_jpeg", jpeg=np.full(shape, b"", object))
        assert str(list(shape)).replace(",", "") in str(refused.value)
