"""SavedModels in bfloat16: what computes in it, what is measured, what is refused."""

import json
import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from gsf_tf.errors import UserError
from gsf_tf.export import ExportError, export_saved_model
from gsf_tf.models import from_preset
from tests import exhaustive
from tests.export.small_models import LABELS, build, clips
from tests.processors import needs_avx512

pytestmark = needs_avx512


def operations(folder):
    """Returns pairs of the kind and the type of all operations."""
    loaded = tf.saved_model.load(str(folder)).signatures["serving_default"]
    functions = loaded.graph.as_graph_def().library.function
    nodes = [node for function in functions for node in function.node_def]
    return {(node.op, node.attr["T"].type) for node in nodes}


def numbers_of(dtype, folder):
    """Returns how many numbers of a type the constants of the graph have."""
    file = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    tensors = [
        node.attr["value"].tensor
        for function in file.meta_graphs[0].graph_def.library.function
        for node in function.node_def
        if node.op == "Const"
    ]
    return sum(
        tf.TensorShape(tensor.tensor_shape).num_elements()
        for tensor in tensors
        if tensor.dtype == dtype.as_datatype_enum
    )


@pytest.mark.parametrize(
    "case",
    exhaustive.cases(
        ("tsn_resnet14thin", "gsf_resnet14thin", "rubiksnet_mini_aq hardened"),
        "tsn_resnet14thin".__eq__,
    ),
)
def test_the_difference_is_measured_and_written_down(case, tmp_path):
    model = build(case)
    difference = export_saved_model(
        model, LABELS, tmp_path / "1", precision="bfloat16", calibration=clips(4)
    )
    assert ("Conv2D", tf.bfloat16.as_datatype_enum) in operations(tmp_path / "1")
    assert ("Conv2D", tf.float32.as_datatype_enum) not in operations(tmp_path / "1")
    served = tf.saved_model.load(str(tmp_path / "1")).signatures
    logits = served["serving_default"](clip=tf.constant(clips(4)))["logits"].numpy()
    expected = np.asarray(model(clips(4), training=False))
    share = np.abs(logits - expected).max() / np.abs(expected).max()
    report = json.loads((tmp_path / "1/export.json").read_text())
    assert report["precision"] == "bfloat16" and report["difference"] == difference
    # Half precision shows, and is no other model.
    assert 1e-4 < share < 0.2
    assert report["calibration_difference"] == pytest.approx(share, rel=0.3)
    assert report["calibration_clips"] == 4
    assert report["equal_top1"] == np.mean(logits.argmax(-1) == expected.argmax(-1))
    card = " ".join((tmp_path / "1/README.md").read_text().split())
    assert "standard operations only, in bfloat16" in card
    assert f"within {difference:.1e}" in card and "On 4 clips of the records" in card
    # The weights take two bytes, but for what is added or shifted by.
    assert numbers_of(tf.bfloat16, tmp_path / "1") > 0.9 * model.count_params()
    assert numbers_of(tf.float32, tmp_path / "1") < 0.1 * model.count_params()


def test_a_model_without_convolutions_and_products(tmp_path):
    inputs = keras.Input((2, 8, 8, 3))
    mean = keras.ops.mean(keras.ops.cast(inputs, "float32"), axis=(1, 2, 3))
    with pytest.raises(ExportError, match="must have convolutions or matrix products"):
        export_saved_model(keras.Model(inputs, mean), LABELS, tmp_path / "1", precision="bfloat16")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"precision": "float16"}, "one of float32, bfloat16. Received: precision='float16'"),
        ({"calibration": clips(1)}, "`calibration` belongs to precision='bfloat16'"),
        ({"precision": "bfloat16", "calibration": clips(1, 16)}, re.escape("(1, 2, 16, 16, 3)")),
    ],
)
def test_arguments_that_break_a_rule(options, message, tmp_path):
    model = from_preset("tsn_resnet14thin", 3, num_segments=2, input_shape=(32, 32, 3))
    with pytest.raises(UserError, match=message):
        export_saved_model(model, LABELS, tmp_path / "1", **options)
    assert list(tmp_path.iterdir()) == []
