import os
from collections.abc import Sequence

import tensorflow as tf

from gsf_tf.data import LabelMap
from gsf_tf.export.comparison import check_outputs, random_clips, run_alone
from gsf_tf.export.export_error import ExportError
from gsf_tf.export.export_folder import new_export, write_json
from gsf_tf.export.litert import check_kinds, convert
from gsf_tf.export.model_card import ModelCard, write_model_card
from gsf_tf.export.rounding import allowed_difference
from gsf_tf.export.streaming_step import (
    StreamingStep,
    answers,
    check_frames,
    describe_stream,
    in_float32,
    stream_logits,
)
from gsf_tf.required_package import require_package
from gsf_tf.streaming import StreamingModel

STREAMING_KINDS = ("float32", "float16")
_STREAMS = 2
_HIGHEST_RANK = 4


def export_streaming_litert(
    stream: StreamingModel,
    labels: LabelMap,
    directory: str | os.PathLike,
    *,
    kinds: Sequence[str] = ("float32",),
    short_side: int = 256,
    card: ModelCard | None = None,
) -> dict[str, dict]:
    """Writes the streaming form of a model for LiteRT, with the state in and out, and checks it.

    The folder has `<kind>.tflite` for each kind, `labels.txt`, `streaming.json`, `export.json` and
    `README.md`, the model card.
    The signature `serving_default` is `step` of `export_streaming_saved_model` for one stream, with
    a difference that GPUs of phones need: what a step only moves on does not go through the graph.
    For each input of the state, `streaming.json` says under `next` what it is in the next step,
    `{"output": name}` or `{"input": name}` of this step. At the start all of it is zero.

    So no output passes an input on, no tensor is two outputs, and no output is read again inside of
    the graph; and no tensor has a rank above 4. The finished file is searched for all of these.

    Args:
        stream: `StreamingModel`. Its consensus is part of the export.
        labels: `LabelMap` with a name per output.
        directory: Folder that is written; it must not exist.
        kinds: `"float32"`, `"float16"` (weights) or both.
        short_side: Pixels to which the short side of larger frames is scaled before the crop.
        card: As in `export_saved_model`.

    Returns:
        For each kind a dictionary, as in `export.json`: `bytes`, and `difference`, the largest one
        of the logits on random frames, up to the end of two streams, as a share of the largest.

    Raises:
        ExportError: If the model cannot be converted, the file breaks one of the rules above, or
            float32 has other outputs. Nothing is left on the disk.
        UserError: If `kinds` are others, `directory` exists or cannot be written, the number of
            labels is wrong, or ai-edge-litert is not installed.

    Example:

    ```python
    stream = gsf_tf.streaming.StreamingModel(model, mode="causal")
    gsf_tf.export.export_streaming_litert(stream, labels, "mobile_stream")
    ```
    """
    check_kinds(kinds, STREAMING_KINDS)
    require_package("ai_edge_litert", "litert", "LiteRT models")
    with new_export(directory, stream.model, labels) as (written, scratch):
        stream = in_float32(stream)
        step = StreamingStep(stream, 1, registers_outside=True)
        written.mkdir()
        labels.save(written / "labels.txt")
        recipe = describe_stream(stream, step, short_side)
        write_json(written / "streaming.json", recipe)
        module = tf.Module()
        module.step = step.function()
        frames = check_frames(stream, _STREAMS)
        expected, report = stream_logits(stream, frames), {}
        for kind in kinds:
            file = written / f"{kind}.tflite"
            file.write_bytes(convert(module.step, module, kind))
            _check_graph(file)
            outputs = run_alone("stock_streaming_litert_run.py", file, frames, scratch)
            bound = None
            if kind == "float32":
                clips = random_clips(stream.model)
                bound = allowed_difference(stream.model, clips, expected, outputs)
            difference = check_outputs(expected, outputs, bound)
            report[kind] = {"bytes": file.stat().st_size, "difference": difference}
        write_json(written / "export.json", {"format": "streaming_litert", "kinds": report})
        measured = [_measured(report), answers(stream)]
        network = stream.model
        write_model_card(written, card, network, labels, recipe, measured, "streaming.json")
    return report


def _measured(report):
    """Returns what the model card says of the kinds."""
    found = ", ".join(f"{kind} {figures['difference']:.1e}" for kind, figures in report.items())
    return (
        "LiteRT models, which take frame by frame and keep a state. The largest differences of "
        f"their logits from those of the model in Python, as shares of the largest logit: {found}."
    )


def _check_graph(file):
    """Raises an `ExportError` for a file with what delegates for GPUs compute wrongly."""
    from tensorflow.lite.tools.flatbuffer_utils import read_model

    (graph,) = read_model(str(file)).subgraphs
    read = {number for operator in graph.operators for number in operator.inputs}
    outputs = list(graph.outputs)
    high = [t.name.decode() for t in graph.tensors if len(_shape(t)) > _HIGHEST_RANK]
    faults = {
        f"tensors above rank {_HIGHEST_RANK}": high,
        "outputs that are inputs": sorted(set(outputs) & set(graph.inputs)),
        "outputs that are read again": sorted(set(outputs) & read),
        "tensors that are two outputs": sorted({n for n in outputs if outputs.count(n) > 1}),
    }
    found = [
        f"{what} ({len(which)}, such as {which[0]})" for what, which in faults.items() if which
    ]
    if found:
        raise ExportError(
            "A streaming model for LiteRT must be one that GPUs of phones compute rightly. "
            f"Received: {'; '.join(found)}"
        )


def _shape(tensor):
    return [] if tensor.shape is None else tensor.shape
