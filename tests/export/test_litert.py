"""LiteRT models: builtin operations, the interpreter of ai-edge-litert, measured differences."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from gsf_tf.errors import UserError
from gsf_tf.export import ExportError, export_litert
from gsf_tf.export.litert import LITERT_KINDS
from gsf_tf.export.rounding import moved_logits
from gsf_tf.models import from_preset
from gsf_tf.trained import open_model
from tests import exhaustive
from tests.export.equal_logits import assert_equal_logits
from tests.export.predictor_check import check_predictor
from tests.export.small_models import CASES, LABELS, build, clips, side


@pytest.mark.parametrize(
    ("case", "kinds"),
    exhaustive.cases(
        [(case, LITERT_KINDS) for case in CASES] + [(CASES[-1], ("float32",))],
        lambda case: case in [(CASES[0], LITERT_KINDS), (CASES[-1], ("float32",))],
    ),
)
def test_every_kind(case, kinds, tmp_path):
    model, batch = build(case), clips(4, side(case))
    report = export_litert(
        model, LABELS, tmp_path / "1", kinds=kinds, calibration=batch, short_side=72
    )
    assert json.loads((tmp_path / "1/export.json").read_text())["kinds"] == report
    assert (tmp_path / "1/labels.txt").read_text() == "down\nleft\nup\n"
    assert json.loads((tmp_path / "1/preprocessing.json").read_text())["short_side"] == 72
    expected = np.asarray(model(batch, training=False))
    for kind in kinds:
        interpreter = Interpreter(model_path=str(tmp_path / "1" / f"{kind}.tflite"))
        details = interpreter.get_tensor_details()
        assert max(len(tensor["shape"]) for tensor in details if tensor["name"]) <= 5
        serve = interpreter.get_signature_runner("serving_default")
        rows = [serve(clip=clip[None]) for clip in batch]
        logits = np.concatenate([row["logits"] for row in rows])
        np.testing.assert_allclose([row["probabilities"].sum() for row in rows], 1, atol=0.02)
        share = np.abs(logits - expected).max() / np.abs(expected).max()
        assert share == pytest.approx(report[kind]["calibration_difference"], rel=0.01, abs=1e-5)
        if kind == "float32":
            assert_equal_logits(model, logits, expected, batch)
        else:
            # What rounding of the weights to as many bits does, where that is more.
            bound, bits = (0.05, 11) if kind == "float16" else (0.5, 8)
            if share >= bound:
                bound = min(2 * moved_logits(model, batch, 2.0**-bits), 0.9)
            assert share < bound
        equal = np.mean(logits.argmax(-1) == expected.argmax(-1))
        assert report[kind]["equal_top1"] == equal
    check_predictor(tmp_path / "1" / "float32.tflite", model)
    if len(kinds) > 1:
        with pytest.raises(UserError, match="must have one model.*float32.tflite"):
            open_model(tmp_path / "1")
        # Bytes that are saved, of the four of each weight; ranges and zeros of int8 take some.
        saved = {
            kind: (report["float32"]["bytes"] - report[kind]["bytes"]) / model.count_params()
            for kind in kinds
        }
        assert 1.8 < saved["float16"] <= 2
        assert 2.3 < min(saved["int8"], saved["dynamic_int8"])


def test_operations_that_litert_does_not_have(tmp_path):
    class Special(keras.layers.Layer):
        def call(self, x):
            mean = keras.ops.mean(keras.ops.cast(x, "float32"), axis=(1, 2, 3))
            return tf.linalg.svd(tf.linalg.diag(mean), compute_uv=False)

    inputs = keras.Input((2, 32, 32, 3))
    with pytest.raises(ExportError, match="builtin operations only(.|\n)*'float32'(.|\n)*Svd"):
        export_litert(keras.Model(inputs, Special()(inputs)), LABELS, tmp_path / "1")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kinds": ["int7"]}, "Did you mean 'int8'"),
        ({"kinds": []}, "at least one kind"),
        ({"kinds": ["int8"]}, "needs `calibration`"),
        ({"calibration": np.zeros((2, 2, 32, 16, 3), np.uint8)}, "the shape .None, 2, 32, 32, 3"),
        ({"calibration": np.zeros((2, 2, 32, 32, 3))}, "dtype=float64"),
        ({"calibration": np.zeros((0, 2, 32, 32, 3), np.uint8)}, "at least one clip"),
    ],
)
def test_arguments_that_break_a_rule(options, message, tmp_path):
    model = from_preset("tsn_resnet14thin", 3, num_segments=2, input_shape=(32, 32, 3))
    with pytest.raises(UserError, match=message):
        export_litert(model, LABELS, tmp_path / "1", **options)
    assert list(tmp_path.iterdir()) == []
