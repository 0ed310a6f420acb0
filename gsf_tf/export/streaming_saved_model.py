import os

import tensorflow as tf

from gsf_tf.data import LabelMap
from gsf_tf.export.comparison import check_outputs, random_clips, run_alone
from gsf_tf.export.export_folder import new_export, write_json
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
from gsf_tf.files.literal_paths import plain_path
from gsf_tf.streaming import StreamingModel

_STREAMS = 3


def export_streaming_saved_model(
    stream: StreamingModel,
    labels: LabelMap,
    directory: str | os.PathLike,
    *,
    short_side: int = 256,
    card: ModelCard | None = None,
) -> float:
    """Writes the streaming form of a model as a SavedModel of standard ops, and checks it.

    The SavedModel has two signatures:

    - `init`: from `streams`, int32 `[]`, the number of streams, to the state before their first
      frames: the tensors `state_...`, float32 `[streams, ...]`.
    - `step`: from `frame`, uint8 `[N, H, W, 3]` RGB, `valid`, float32 `[N]`, and the state to
      `logits`, float32 `[N, K]`, and the next state under the same names. For a multi-task model
      the logits of the other tasks have the task as prefix. The logits belong to the frame
      `look_ahead` steps before and are NaN where a stream has no such frame. `valid` is 1; after a
      stream's end, `look_ahead` more steps with 0 and any frame give what it still owes.

    To reset a stream, set its row of every state to zero. The assets are `labels.txt` and
    `streaming.json`, which has the look-ahead, the preprocessing and the state. The weights are
    constants in float32. A process without gsf_tf runs random frames of 1 and of 3 streams, up to
    their ends, before the folder gets its name. `README.md` is the model card.

    Args:
        stream: `StreamingModel`. Its consensus is part of the export.
        labels: `LabelMap` with a name per output.
        directory: Folder that is written; it must not exist.
        short_side: Pixels to which the short side of larger frames is scaled before the crop.
        card: As in `export_saved_model`.

    Returns:
        The largest difference of the logits in the check, as a share of the largest logit.

    Raises:
        ExportError: If the export has unknown ops or other outputs. Nothing is left on the disk.
        UserError: If `directory` exists or cannot be written, the number of labels is wrong, or the
            model keeps nothing from frame to frame.

    Example:

    ```python
    stream = gsf_tf.streaming.StreamingModel(model, consensus="window", consensus_frames=8)
    gsf_tf.export.export_streaming_saved_model(stream, labels, "streaming/1")

    loaded = tf.saved_model.load("streaming/1")
    state = loaded.signatures["init"](streams=tf.constant(1))
    for frame in camera:
        outputs = loaded.signatures["step"](frame=frame[None], valid=tf.ones(1), **state)
        logits = outputs["logits"]
        state = {name: outputs[name] for name in state}
    ```
    """
    with new_export(directory, stream.model, labels) as (written, scratch):
        stream = in_float32(stream)
        step = StreamingStep(stream, None, registers_outside=False)
        labels.save(scratch / "labels.txt")
        recipe = describe_stream(stream, step, short_side)
        write_json(scratch / "streaming.json", recipe)
        module = tf.Module()
        files = (scratch / "labels.txt", scratch / "streaming.json")
        module.assets = [tf.saved_model.Asset(str(file)) for file in files]
        tf.saved_model.save(
            module,
            str(written),
            signatures={"init": _init(step), "step": step.function()},
            options=tf.saved_model.SaveOptions(experimental_custom_gradients=False),
        )
        frames = check_frames(stream, _STREAMS)
        with plain_path(written) as folder:
            batches = run_alone("stock_streaming_tensorflow_run.py", folder, frames, scratch)
        network, expected = stream.model, stream_logits(stream, frames)
        bound = allowed_difference(network, random_clips(network), expected, batches)
        difference = check_outputs(expected, batches, bound)
        report = {"format": "streaming_saved_model", "difference": difference}
        write_json(written / "export.json", report)
        measured = [
            "TensorFlow SavedModel of standard operations only, in float32, which takes frame by "
            "frame and keeps a state. The logits are equal to those of the model in Python within "
            f"{difference:.1e} of the largest one.",
            answers(stream),
        ]
        write_model_card(written, card, network, labels, recipe, measured, "streaming.json")
    return difference


def _init(step):
    def init(streams):
        return {
            name: tf.zeros(tf.concat([[streams], spec.shape[1:]], 0), spec.dtype)
            for name, spec in step.states.items()
        }

    spec = tf.TensorSpec([], tf.int32, "streams")
    return tf.function(init, autograph=False, input_signature=[spec])
