"""Writes each format of `gsf-tf export`, once the model is open, and prints what was measured."""

import dataclasses
import json
import pathlib

import keras
import numpy as np

from gsf_tf.data import LabelMap
from gsf_tf.errors import UserError
from gsf_tf.export import (
    ModelCard,
    export_litert,
    export_onnx,
    export_saved_model,
    export_streaming_litert,
    export_streaming_saved_model,
    export_web_page,
    next_version,
)
from gsf_tf.streaming import StreamingModel


@dataclasses.dataclass(frozen=True)
class FormatOptions:
    """The flags of the formats.

    Attributes:
        litert_kinds: Kinds of LiteRT models.
        web_kind: Kind of the LiteRT model of a web page.
        calibration: Clips for full int8, on which every LiteRT model and a SavedModel in bfloat16
            are compared too, uint8 `[N, T, H, W, 3]`; or None.
        onnx_batch: Clips per batch of the ONNX model, or None for any number.
        warmup: Whether the SavedModel has warm-up requests.
        card: The `ModelCard`.
        precision: In what a SavedModel computes.
    """

    litert_kinds: tuple[str, ...]
    web_kind: str
    calibration: np.ndarray | None
    onnx_batch: int | None
    warmup: bool
    card: ModelCard
    precision: str = "float32"


def write_formats(
    formats: list[str],
    model: keras.Model,
    labels: LabelMap,
    folder: pathlib.Path,
    recipe: dict,
    options: FormatOptions,
    console,
):
    """Writes every format and prints what was measured.

    Args:
        formats: Names of formats.
        model: The model.
        labels: Its labels.
        folder: The folder of SavedModels. Those of another format are beside it, in
            `<folder>_<format>`, because a server takes every number in a folder for a SavedModel.
        recipe: `short_side`, `sampling` and `frame_stride`, the arguments of the exporters.
        options: `FormatOptions`.
        console: Where it prints.
    """
    recipe = {**recipe, "card": options.card}
    writers = {
        "saved_model": _saved_model,
        "litert": _litert,
        "onnx": _onnx,
        "web": _web,
        "streaming": _streaming,
        "streaming_litert": _streaming_litert,
    }
    for name in formats:
        own = folder if name == "saved_model" else folder.with_name(f"{folder.name}_{name}")
        path = next_version(own)
        with console.status(f"Exporting as {name}, and comparing the result with the model"):
            lines = writers[name](model, labels, path, recipe, options)
        for line in lines:
            console.print(line)


def _saved_model(model, labels, path, recipe, options):
    precision = options.precision
    difference = export_saved_model(
        model,
        labels,
        path,
        warmup=options.warmup,
        precision=precision,
        calibration=None if precision == "float32" else options.calibration,
        **recipe,
    )
    report = json.loads((path / "export.json").read_text())
    kind = "standard ops only" if precision == "float32" else f"standard ops only, {precision}"
    return [f"Wrote {path} ({kind}; {_agreement(difference)}{_on_records(report)})"]


def _litert(model, labels, path, recipe, options):
    kinds, calibration = options.litert_kinds, options.calibration
    report = export_litert(model, labels, path, kinds=kinds, calibration=calibration, **recipe)
    return [f"Wrote {path}", *(_kind_line(name, figures) for name, figures in report.items())]


def _web(model, labels, path, recipe, options):
    kind, calibration = options.web_kind, options.calibration
    report = export_web_page(model, labels, path, kind=kind, calibration=calibration, **recipe)
    serve = f"Serve it with: python -m http.server --directory {path}"
    return [f"Wrote {path}", _kind_line(kind, report[kind]), serve]


def _kind_line(name, figures):
    line = f"{name:>14}: {figures['bytes'] / 1e6:.1f} MB; {_agreement(figures['difference'])}"
    return line + _on_records(figures)


def _on_records(figures):
    """Returns what was measured on clips of the records, or nothing."""
    if "equal_top1" not in figures:
        return ""
    return (
        f"; on {figures['calibration_clips']} clips of the records "
        f"{figures['calibration_difference']:.1e}, top-1 equal for {figures['equal_top1']:.1%}"
    )


def _onnx(model, labels, path, recipe, options):
    report = export_onnx(model, labels, path, batch_size=options.onnx_batch, **recipe)
    batch = options.onnx_batch or "any number of"
    return [
        f"Wrote {path} (opset {report['opset']}, {batch} clips per batch; "
        f"{_agreement(report['difference'])})"
    ]


def _streaming(model, labels, path, recipe, options):
    stream, side = _stream(model), recipe["short_side"]
    difference = export_streaming_saved_model(
        stream, labels, path, short_side=side, card=options.card
    )
    return [f"Wrote {path} (answers {stream.look_ahead} frames late; {_agreement(difference)})"]


def _streaming_litert(model, labels, path, recipe, options):
    stream, side = _stream(model), recipe["short_side"]
    report = export_streaming_litert(stream, labels, path, short_side=side, card=options.card)
    lines = (_kind_line(name, figures) for name, figures in report.items())
    return [f"Wrote {path} (answers {stream.look_ahead} frames late)", *lines]


def _stream(model):
    try:
        return StreamingModel(
            model, consensus="window", consensus_frames=getattr(model, "num_segments", 1)
        )
    except ValueError as error:
        raise UserError(f"The model must have a streaming form. {error}") from error


def _agreement(difference):
    return f"logits equal to the model's within {difference:.1e} of the largest"
