"""The exported streaming forms say what the Python form says, with their own state."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from gsf_tf.data import LabelMap, frames_to_clip
from gsf_tf.errors import UserError
from gsf_tf.export import (
    ExportError,
    ModelCard,
    export_streaming_litert,
    export_streaming_saved_model,
    streaming_litert,
)
from gsf_tf.export.litert import convert
from gsf_tf.export.streaming_step import in_float32
from gsf_tf.models import from_preset
from gsf_tf.streaming import StreamingModel
from tests import exhaustive
from tests.export import stranger
from tests.streaming.test_streaming_model import FAMILIES, SIZE, build

LABELS = LabelMap(list("abcde"))
CASES = [(name, causal) for name in FAMILIES for causal in (None, True) if name != "tsn"]
EVERY_TIME = [("tsm", None)]


def streaming(name, causal):
    model = build(name, causal=causal)
    return StreamingModel(model, consensus="window", consensus_frames=3)


def frames(number):
    shape = (number, 2, SIZE, SIZE, 3)
    return np.random.default_rng(2).integers(0, 256, shape).astype("uint8")


def expected(stream, clip):
    state, logits = stream.initial_state(clip.shape[1]), []
    for frame in clip:
        found, state = stream.step(frame, state)
        logits.append(found)
    return np.stack(logits)


def assert_equal(ours, theirs):
    scale = np.nanmax(np.abs(theirs), initial=1.0)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4 * scale)


@pytest.mark.parametrize(("name", "causal"), exhaustive.cases(CASES, EVERY_TIME.__contains__))
def test_saved_model(name, causal, tmp_path):
    stream = streaming(name, causal)
    card = ModelCard("Hands")
    path = tmp_path / "1"
    assert export_streaming_saved_model(stream, LABELS, path, short_side=48, card=card) < 1e-4
    recipe = json.loads((tmp_path / "1/assets/streaming.json").read_text())
    # The frame of a client is that of `gsf-tf watch`, which crops as `frames_to_clip` does.
    pixels = frames(1)[0, 0].repeat(2, axis=1)[: SIZE - 5]
    expected_frame = frames_to_clip(pixels[None], 1, (SIZE, SIZE))[0]
    assert np.abs(stranger.box_of(pixels, recipe).astype(int) - expected_frame).max() <= 1
    text = (path / "README.md").read_text()
    assert "# Hands" in text and f"a frame per step of {SIZE} x {SIZE} pixels" in text
    assert f"2. {recipe['steps'][1]}" in text.splitlines() and "48 pixels" in text
    assert recipe["look_ahead"] == stream.look_ahead and recipe["short_side"] == 48
    signatures = tf.saved_model.load(str(tmp_path / "1")).signatures
    clip, logits = frames(steps(stream)), []
    state = signatures["init"](streams=tf.constant(2))
    assert state.keys() == recipe["state"].keys() and max(len(x.shape) for x in state.values()) <= 4
    for frame in clip:
        outputs = signatures["step"](frame=tf.constant(frame), valid=tf.ones(2), **state)
        state = {key: outputs[key] for key in state}
        logits.append(outputs["logits"])
    assert_equal(np.stack(logits), expected(stream, clip))


@pytest.mark.parametrize(("name", "causal"), exhaustive.cases(CASES, EVERY_TIME.__contains__))
def test_litert(name, causal, tmp_path):
    stream = streaming(name, causal)
    report = export_streaming_litert(stream, LABELS, tmp_path / "1", kinds=("float32", "float16"))
    assert report["float32"]["difference"] < 1e-4 < report["float16"]["difference"] < 0.05
    card = (tmp_path / "1/README.md").read_text()
    assert f"The answer comes {stream.look_ahead} frames late and is that of the mean" in card
    assert f"float16 {report['float16']['difference']:.1e}" in card and "`streaming.json`" in card
    assert json.loads((tmp_path / "1/export.json").read_text())["kinds"] == report
    recipe = json.loads((tmp_path / "1/streaming.json").read_text())
    interpreter = Interpreter(model_path=str(tmp_path / "1/float32.tflite"))
    assert max(len(t["shape"]) for t in interpreter.get_tensor_details()) <= 4
    runner = interpreter.get_signature_runner("serving_default")
    state = {key: np.zeros(x["shape"], x["dtype"]) for key, x in recipe["state"].items()}
    clip, logits = frames(steps(stream))[:, :1], []
    for frame in clip:
        inputs = {"frame": frame, "valid": np.ones(1, "float32"), **state}
        outputs = {key: x.copy() for key, x in runner(**inputs).items()}
        sources = {"input": inputs, "output": outputs}
        for key, tensor in recipe["state"].items():
            ((kind, source),) = tensor["next"].items()
            state[key] = sources[kind][source]
        logits.append(outputs["logits"])
    assert_equal(np.stack(logits), expected(stream, clip))


def steps(stream):
    """64 frames where every family is compared, a few beyond the delay otherwise."""
    return 64 if exhaustive_run() else stream.look_ahead + 3


@pytest.fixture(autouse=True)
def note_exhaustive(request):
    exhaustive_run.value = request.config.getoption("--exhaustive")


def exhaustive_run():
    return exhaustive_run.value


@pytest.mark.exhaustive
def test_half_precision_becomes_float32():
    model = from_preset("tsm_resnet14thin", 5, 4, (SIZE, SIZE, 3), causal=True)
    assert in_float32(StreamingModel(model)).model is model
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        half = from_preset("tsm_resnet14thin", 5, 4, (SIZE, SIZE, 3), causal=True)
    finally:
        keras.config.set_dtype_policy("float32")
    half.set_weights(model.get_weights())
    stream = in_float32(StreamingModel(half, "causal", "exponential", 4))
    assert (stream.mode, stream.consensus, stream.consensus_frames) == ("causal", "exponential", 4)
    assert stream.state_specs()["consensus/classifier/mean"].dtype == tf.float32
    clip = frames(2)
    same = StreamingModel(model, "causal", "exponential", 4)
    np.testing.assert_array_equal(expected(stream, clip), expected(same, clip))


def high_rank(x, y):
    return {"a": tf.transpose(tf.reshape(x, (1, 2, 2, 2, 2)), (4, 3, 2, 1, 0)) * y}


def read_again(x, y):
    return {"a": tf.nn.relu(x), "b": tf.nn.relu(x) * y}


def twice(x, y):
    return {"a": tf.nn.relu(x * y), "b": tf.nn.relu(x * y)}


def passed_on(x, y):
    return {"a": x, "b": x + y}


def right(x, y):
    return {"a": tf.nn.relu(x), "b": x + y}


@pytest.mark.parametrize(
    ("function", "fault"),
    [
        (high_rank, "tensors above rank 4"),
        (read_again, "outputs that are read again"),
        (twice, "tensors that are two outputs"),
        (passed_on, "outputs that are inputs"),
        (right, None),
    ],
)
def test_what_gpus_compute_wrongly_is_refused(function, fault, tmp_path):
    module = tf.Module()
    spec = tf.TensorSpec((16,), name="x"), tf.TensorSpec((), name="y")
    module.step = tf.function(function, input_signature=spec)
    file = tmp_path / "m.tflite"
    file.write_bytes(convert(module.step.get_concrete_function(), module, "float32"))
    if fault is None:
        streaming_litert._check_graph(file)
        return
    with pytest.raises(ExportError, match=f"GPUs of phones compute rightly. Received: .*{fault}"):
        streaming_litert._check_graph(file)


def test_errors(tmp_path):
    stream = StreamingModel(from_preset("tsm_resnet14thin", 3, 2, (SIZE, SIZE, 3), causal=True))
    with pytest.raises(UserError, match="one output per label. Received: 3 outputs, 5 labels"):
        export_streaming_saved_model(stream, LABELS, tmp_path / "1")
    with pytest.raises(UserError, match="`kinds` must be names among float32, float16"):
        export_streaming_litert(stream, LABELS, tmp_path / "1", kinds=("int8",))
    with pytest.raises(UserError, match="each once"):
        export_streaming_litert(stream, LABELS, tmp_path / "1", kinds=())
    still = StreamingModel(from_preset("tsn_resnet14thin", 5, 2, (SIZE, SIZE, 3)))
    for export in (export_streaming_saved_model, export_streaming_litert):
        with pytest.raises(UserError, match="must keep something from frame to frame"):
            export(still, LABELS, tmp_path / "1")
    assert not list(tmp_path.iterdir())
