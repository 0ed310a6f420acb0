"""ONNX models: checked, equal to the model in ONNX Runtime and in OpenVINO."""

import json

import keras
import numpy as np
import onnx
import onnxruntime
import openvino
import pytest
import tensorflow as tf

from gsf_tf.errors import UserError
from gsf_tf.export import ExportError, export_onnx
from gsf_tf.models import from_preset
from tests import exhaustive
from tests.export.equal_logits import assert_equal_logits
from tests.export.predictor_check import check_predictor
from tests.export.small_models import CASES, LABELS, build, clips, side


@pytest.mark.parametrize(
    ("case", "batch_size"),
    exhaustive.cases(
        [(case, size) for case in CASES for size in (None, 2)],
        lambda case: case in ((CASES[0], None), (CASES[-1], 2)),
    ),
)
def test_equals_the_model(case, batch_size, tmp_path):
    model = build(case)
    report = export_onnx(model, LABELS, tmp_path / "gsf", batch_size=batch_size)
    assert json.loads((tmp_path / "gsf/export.json").read_text())["opset"] == report["opset"]
    file = tmp_path / "gsf/1/model.onnx"
    proto = onnx.load(file)
    onnx.checker.check_model(proto)
    assert {entry.version for entry in proto.opset_import if not entry.domain} == {report["opset"]}
    first = proto.graph.input[0].type.tensor_type.shape.dim[0]
    assert (first.dim_param, first.dim_value) == (("batch", 0) if batch_size is None else ("", 2))

    batch = clips(4, side(case))
    expected = np.asarray(model(batch, training=False))
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    compiled = openvino.Core().compile_model(
        openvino.Core().read_model(file), "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    )
    for size in (4, 1) if batch_size is None else (2,):
        (logits,) = session.run(["logits"], {"clip": batch[:size]})
        assert_equal_logits(model, logits, expected, batch)
        logits = compiled({"clip": batch[:size]})["logits"]
        assert_equal_logits(model, logits, expected, batch)

    check_predictor(tmp_path / "gsf", model)

    config = (tmp_path / "gsf/config.pbtxt").read_text()
    free = batch_size is None
    assert f"max_batch_size: {8 if free else 0}\n" in config
    assert f"dims: [{'' if free else '2, '}2, {side(case)}, {side(case)}, 3]" in config
    assert ("dynamic_batching" in config) == free
    for output in session.get_outputs():
        assert f'name: "{output.name}" data_type: TYPE_FP32' in config


def test_operations_that_onnx_does_not_know(tmp_path):
    class Special(keras.layers.Layer):
        def call(self, x):
            return tf.math.lgamma(keras.ops.mean(keras.ops.cast(x, "float32"), axis=(1, 2, 3)))

    inputs = keras.Input((2, 32, 32, 3))
    with pytest.raises(ExportError, match="operations that ONNX knows"):
        export_onnx(keras.Model(inputs, Special()(inputs)), LABELS, tmp_path / "1")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [({"batch_size": 0}, "an integer >= 1"), ({"opset": 7}, "between 13 and 18")],
)
def test_arguments_that_break_a_rule(options, message, tmp_path):
    model = from_preset("tsn_resnet14thin", 3, num_segments=2, input_shape=(32, 32, 3))
    with pytest.raises(UserError, match=message):
        export_onnx(model, LABELS, tmp_path / "1", **options)
