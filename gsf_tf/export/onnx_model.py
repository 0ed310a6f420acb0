import os
import pathlib

import keras
import tensorflow as tf

from gsf_tf.data import LabelMap
from gsf_tf.errors import UserError
from gsf_tf.export.clip_recipe import ClipRecipe
from gsf_tf.export.comparison import (
    BATCH_SIZES,
    check_outputs,
    model_logits,
    random_clips,
    run_alone,
)
from gsf_tf.export.export_error import ExportError
from gsf_tf.export.export_folder import new_export, write_client_files, write_json
from gsf_tf.export.graph.frozen_function import named_function, output_names
from gsf_tf.export.model_card import ModelCard, write_model_card
from gsf_tf.export.rounding import allowed_difference
from gsf_tf.export.triton_config import triton_config
from gsf_tf.models.float32_copy import float32_copy
from gsf_tf.required_package import require_package

OPSET = 17
OPSETS = (13, 18)


def export_onnx(
    model: keras.Model,
    labels: LabelMap,
    directory: str | os.PathLike,
    *,
    batch_size: int | None = None,
    opset: int = OPSET,
    short_side: int = 256,
    sampling: str = "segments",
    frame_stride: int | None = None,
    card: ModelCard | None = None,
) -> dict:
    """Writes an ONNX model, and checks it with ONNX Runtime.

    The graph is that of `export_saved_model`, with the same input and outputs. The folder is a
    model of NVIDIA Triton as it is: `config.pbtxt` and `1/model.onnx`; beside them are
    `labels.txt`, `preprocessing.json`, `export.json` and `README.md`, the model card. Before the
    folder gets its name, `onnx.checker` checks the file, and ONNX Runtime runs it in a process
    without TensorFlow, on batches of 1 and 3 clips; the logits must be the model's to 1e-4 of the
    largest one, or to what rounding does to them (docs/export.md).

    Args:
        model: `SegmentModel`, or any model from such clips to logits.
        labels: `LabelMap` with a name per output.
        directory: Folder that is written; it must not exist.
        batch_size: Clips per batch; None for any number. Then the batch axis has the name `batch`.
        opset: Version of ONNX's operations, 13..18.
        short_side: As in `export_saved_model`.
        sampling: As in `export_saved_model`.
        frame_stride: As in `export_saved_model`.
        card: As in `export_saved_model`.

    Returns:
        A dictionary, as in `export.json`: `opset`, `batch_size`, `bytes`, and `difference`, the
        largest one of the logits as a share of the largest logit.

    Raises:
        ExportError: If the model cannot be converted, or the file has other outputs. Nothing is
            left on the disk.
        UserError: If an argument breaks these rules, the number of labels is wrong, `directory`
            cannot be written, or tf2onnx or ONNX Runtime is not installed.

    Example:

    ```python
    gsf_tf.export.export_onnx(model, labels, "model_repository/gsf")
    ```
    """
    _check_arguments(batch_size, opset)
    for package in ("onnx", "onnxruntime", "tf2onnx"):
        require_package(package, "onnx", "ONNX models")
    recipe = ClipRecipe(short_side, sampling, frame_stride)
    with new_export(directory, model, labels) as (written, scratch):
        model = float32_copy(model)
        file = written / "1" / "model.onnx"
        file.parent.mkdir(parents=True)
        write_onnx(model, batch_size, file, opset)
        write_client_files(written, model, labels, recipe)
        config = triton_config(model, batch_size, output_names(model))
        (written / "config.pbtxt").write_text(config)
        clips = random_clips(model)
        outputs = run_alone("stock_onnx_run.py", file, clips, scratch)
        expected = model_logits(model, clips)
        bound = allowed_difference(model, clips, expected, outputs)
        report = {
            "format": "onnx",
            "opset": opset,
            "batch_size": batch_size,
            "bytes": file.stat().st_size,
            "checked_batch_sizes": BATCH_SIZES,
            "difference": check_outputs(expected, outputs, bound),
        }
        write_json(written / "export.json", report)
        measured = [
            f"ONNX of opset {opset}, {batch_size or 'any number of'} clips per batch, in float32. "
            f"The logits are equal to the model's within {report['difference']:.1e} of the largest "
            f"one, for {' and '.join(map(str, BATCH_SIZES))} random clips.",
        ]
        write_model_card(written, card, model, labels, recipe.describe(model), measured)
    return report


def _check_arguments(batch_size, opset):
    if batch_size is not None and (int(batch_size) != batch_size or batch_size < 1):
        raise UserError(
            "`batch_size` must be an integer >= 1, or None for any number of clips. "
            f"Received: batch_size={batch_size!r}"
        )
    if not OPSETS[0] <= opset <= OPSETS[1]:
        raise UserError(
            f"`opset` must be a version between {OPSETS[0]} and {OPSETS[1]}. "
            f"Received: opset={opset!r}"
        )


def write_onnx(
    model: keras.Model, batch_size: int | None, file: pathlib.Path, opset: int = OPSET
) -> None:
    """Writes the file of an ONNX model, which `onnx.checker` has checked.

    Args:
        model: Functional model in float32.
        batch_size: As in `export_onnx`.
        file: Path of the file.
        opset: As in `export_onnx`.

    Raises:
        ExportError: If the model has an operation that ONNX does not know.
    """
    import onnx
    import tf2onnx

    serve = named_function(model, batch_size)
    spec = tf.TensorSpec([batch_size, *model.input_shape[1:]], tf.uint8, name="clip")
    try:
        proto, _ = tf2onnx.convert.from_function(serve, input_signature=[spec], opset=opset)
        if batch_size is None:
            for value in (*proto.graph.input, *proto.graph.output):
                value.type.tensor_type.shape.dim[0].dim_param = "batch"
        onnx.checker.check_model(proto)
    except Exception as error:  # tf2onnx raises whatever its passes raise.
        raise ExportError(
            "The model must have operations that ONNX knows. Received this error of tf2onnx or of "
            f"onnx.checker:\n{str(error).strip()[:2000]}"
        ) from error
    onnx.save(proto, str(file))
