import os
from collections.abc import Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf

from gsf_tf.data import LabelMap
from gsf_tf.errors import UserError, did_you_mean
from gsf_tf.export.calibration import check_calibration
from gsf_tf.export.clip_recipe import ClipRecipe
from gsf_tf.export.comparison import (
    agreement,
    check_outputs,
    model_logits,
    random_clips,
    run_alone,
)
from gsf_tf.export.export_error import ExportError
from gsf_tf.export.export_folder import new_export, write_client_files, write_json
from gsf_tf.export.graph.frozen_function import named_function
from gsf_tf.export.model_card import ModelCard, write_model_card
from gsf_tf.export.rounding import allowed_difference
from gsf_tf.models.float32_copy import float32_copy
from gsf_tf.required_package import require_package

LITERT_KINDS = ("float32", "float16", "dynamic_int8", "int8")


def export_litert(
    model: keras.Model,
    labels: LabelMap,
    directory: str | os.PathLike,
    *,
    kinds: Sequence[str] = ("float32",),
    calibration: np.ndarray | None = None,
    short_side: int = 256,
    sampling: str = "segments",
    frame_stride: int | None = None,
    card: ModelCard | None = None,
) -> dict[str, dict]:
    """Writes LiteRT (TensorFlow Lite) models with builtin operations only, and checks them.

    The graph is that of `export_saved_model`; its batch is one clip. The signature
    `serving_default` has the same input and outputs: `clip`, uint8 `[1, T, H, W, 3]`, and
    `probabilities` and `logits`, float32 `[1, K]`, whatever the kind.

    | kind | weights | computation |
    |---|---|---|
    | `"float32"` | float32 | float32 |
    | `"float16"` | float16 | float32, or float16 where the device has it |
    | `"dynamic_int8"` | int8 | int8 or float32, with ranges found while it runs |
    | `"int8"` | int8 | int8, with ranges from `calibration` |

    The folder has `<kind>.tflite` for each kind, `labels.txt`, `preprocessing.json`, `export.json`
    and `README.md`, the model card. Each model is run by the interpreter of ai-edge-litert in a
    process without TensorFlow, on three random clips and on the clips of `calibration`. The float32
    model must have the model's outputs to 1e-4 of the largest logit, or to what rounding does to
    them (docs/export.md); of the others the difference is measured.

    Args:
        model: `SegmentModel`, or any model from such clips to logits.
        labels: `LabelMap` with a name per output.
        directory: Folder that is written; it must not exist.
        kinds: Names of kinds in this table, each once.
        calibration: Clips as in training, uint8 `[N, T, H, W, 3]`; `"int8"` needs them, of
            all classes if possible.
        short_side: As in `export_saved_model`.
        sampling: As in `export_saved_model`.
        frame_stride: As in `export_saved_model`.
        card: As in `export_saved_model`.

    Returns:
        For each kind a dictionary, as in `export.json`: `bytes`; `difference`, the largest one of
        the logits on the random clips as a share of the largest logit; and with `calibration`,
        `calibration_difference` and `equal_top1`, the share of these clips for which the most
        probable class is the model's.

    Raises:
        ExportError: If a model cannot be converted to builtin operations, or has other outputs.
            Nothing is left on the disk.
        UserError: If an argument breaks these rules, the number of labels is wrong, `directory`
            cannot be written, or ai-edge-litert is not installed.

    Example:

    ```python
    gsf_tf.export.export_litert(model, labels, "mobile", kinds=["float32", "float16"])
    ```
    """
    calibration = None if calibration is None else np.asarray(calibration)
    check_kinds(kinds, LITERT_KINDS)
    check_kind_clips(kinds, calibration, model)
    require_package("ai_edge_litert", "litert", "LiteRT models")
    recipe = ClipRecipe(short_side, sampling, frame_stride)
    with new_export(directory, model, labels) as (written, scratch):
        model = float32_copy(model)
        written.mkdir()
        write_client_files(written, model, labels, recipe)
        report = write_kinds(written, model, kinds, calibration, scratch)
        write_json(written / "export.json", {"format": "litert", "kinds": report})
        write_model_card(
            written, card, model, labels, recipe.describe(model), measured_lines(report)
        )
    return report


def check_kinds(kinds, known):
    """Raises a `UserError` if `kinds` are not at least one of the known kinds, each once."""
    for kind in kinds:
        if kind not in known:
            raise UserError(
                f"`kinds` must be names among {', '.join(known)}. Received: {kind!r}."
                + did_you_mean(kind, known)
            )
    if not kinds or len(set(kinds)) < len(kinds):
        raise UserError(
            f"`kinds` must name at least one kind, and each once. Received: kinds={list(kinds)}"
        )


def check_kind_clips(kinds, calibration, model):
    """Raises a `UserError` if the calibration is missing or no clips of the model's."""
    if "int8" in kinds and calibration is None:
        raise UserError(
            "The kind 'int8' needs `calibration`, clips from which the ranges of the numbers are "
            "taken. Received: calibration=None. Pass some clips of the training data, or choose "
            "'dynamic_int8'."
        )
    if calibration is not None:
        check_calibration(calibration, model)


def measured_lines(report):
    """Returns what the model card says of the kinds."""
    lines = [
        "LiteRT (TensorFlow Lite) of builtin operations only, one clip at a time. A difference is "
        "that of the logits from the model's, as a share of the largest one.",
        "",
        "| kind | bytes | difference | on clips of the records | equal top-1 |",
        "|---|---|---|---|---|",
    ]
    for kind, found in report.items():
        on_records = ["not given", "not given"]
        if "equal_top1" in found:
            clips = found["calibration_clips"]
            on_records = [
                f"{found['calibration_difference']:.1e} ({clips} clips)",
                f"{found['equal_top1']:.1%}",
            ]
        cells = [kind, f"{found['bytes']:,}", f"{found['difference']:.1e}", *on_records]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def write_kinds(folder, model, kinds, calibration, scratch):
    """Writes `<kind>.tflite` for each kind and compares it with the model.

    Args:
        folder: An existing folder.
        model: The model, in float32.
        kinds: Names among `LITERT_KINDS`.
        calibration: As in `export_litert`, an array or None.
        scratch: Folder for files that are needed meanwhile.

    Returns:
        What `export_litert` returns.

    Raises:
        ExportError: As `export_litert`.
    """
    clips = random_clips(model)
    expected = model_logits(model, clips)
    wanted = None if calibration is None else model_logits(model, calibration)
    module = _traced(model)
    report = {}
    for kind in kinds:
        file = folder / f"{kind}.tflite"
        concrete = module.serve.get_concrete_function()
        file.write_bytes(convert(concrete, module, kind, calibration))
        outputs = run_alone("stock_litert_run.py", file, clips, scratch)
        bound = allowed_difference(model, clips, expected, outputs) if kind == "float32" else None
        figures = {
            "bytes": file.stat().st_size,
            "difference": check_outputs(expected, outputs, bound),
        }
        if calibration is not None:
            *_, all_clips = run_alone("stock_litert_run.py", file, calibration, scratch)
            if kind == "float32":
                bound = allowed_difference(model, calibration, wanted, [all_clips])
            figures |= agreement(wanted, all_clips, bound)
        report[kind] = figures
    return report


def _traced(model):
    module = tf.Module()
    module.serve = named_function(model, batch_size=1)
    return module


def convert(
    concrete: tf.types.experimental.ConcreteFunction,
    module: tf.Module,
    kind: str,
    calibration: np.ndarray | None = None,
) -> bytes:
    """Returns a LiteRT model of builtin operations, with the function's signature.

    Args:
        concrete: The function.
        module: The module that it is an attribute of.
        kind: One of `LITERT_KINDS`.
        calibration: As in `export_litert`.

    Raises:
        ExportError: If the converter fails.
    """
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], module)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if kind != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if kind == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if kind == "int8":
        converter.representative_dataset = lambda: _one_by_one(calibration)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    try:
        return converter.convert()
    except Exception as error:  # The converter raises whatever its passes raise.
        raise ExportError(
            "A LiteRT model must have builtin operations only. Received this error of the "
            f"converter, for the kind {kind!r}:\n{str(error).strip()[:2000]}"
        ) from error


def _one_by_one(calibration: np.ndarray) -> Iterator[dict[str, np.ndarray]]:
    for clip in calibration:
        yield {"clip": clip[None]}
