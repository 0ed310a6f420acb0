import json
import os
import pathlib
import subprocess
import sys
import tempfile

import keras
import numpy as np
import tensorflow as tf

from gsf_tf import ops
from gsf_tf.data import LabelMap
from gsf_tf.errors import UserError
from gsf_tf.files.literal_paths import plain_path
from gsf_tf.files.whole_file import reports_write_errors
from gsf_tf.models.float32_copy import float32_copy
from gsf_tf.tasks import ACTION, task_logits, task_prefix

_CHECK_PROGRAM = pathlib.Path(__file__).with_name("stock_tensorflow_run.py")


class ExportError(UserError):
    """The outputs of the exported model differ, or it does not run on stock TensorFlow."""


def export_saved_model(
    model: keras.Model,
    labels: LabelMap,
    directory: str | os.PathLike,
    *,
    short_side: int = 256,
    sampling: str = "segments",
    frame_stride: int | None = None,
    rtol: float = 1e-3,
    atol: float = 1e-4,
) -> float:
    """Writes a SavedModel that has standard TensorFlow ops only, and checks it.

    The graph is traced with the reference implementations of `gsf_tf.ops`. A model in half
    precision is exported as a float32 model with the same weights. A new process without gsf_tf
    then loads the SavedModel with stock TensorFlow, looks for ops that TensorFlow does not know,
    and runs a random clip. The folder gets its final name only if the check finds no unknown ops
    and the outputs of `model` in float32.

    The signature `serving_default` has the input `clip`, uint8 `[N, T, H, W, 3]` RGB, and the
    outputs `probabilities` and `logits`, float32 `[N, K]`. For a multi-task model these are the
    outputs of the action; those of the other tasks have the task as prefix (`verb_logits`). The
    SavedModel has two assets: `labels.txt`, the class names, one per line in the order of the
    outputs; and `preprocessing.json`, which describes how a clip is made from a video.

    Args:
        model: `SegmentModel`, or any model from such clips to logits.
        labels: `LabelMap` with a name per output.
        directory: Folder that is written; it must not exist.
        short_side: Pixels to which the short side of larger videos is scaled first, as that of the
            training records.
        sampling: The sampling of frames in the model's training, `"segments"` or `"dense"`.
        frame_stride: Distance of the frames of dense clips, in frames of the video.
        rtol: Relative tolerance, see `atol`.
        atol: The logits may differ by `atol + rtol * (largest absolute logit)`.

    Returns:
        The largest absolute difference of the logits in the check.

    Raises:
        ExportError: If the exported model has unknown ops or other outputs. Nothing is left on the
            disk.
        UserError: If `directory` exists or cannot be written, or the number of labels is wrong.

    Example:

    ```python
    export = gsf_tf.export.next_version("exported")  # exported/1
    gsf_tf.export.export_saved_model(model, labels, export)
    gsf_tf.Predictor(export).top("clip.mp4")
    ```
    """
    directory = pathlib.Path(directory)
    if directory.exists():
        raise UserError(
            "`directory` must be a folder that does not exist yet. "
            f"Received: directory={str(directory)!r}. Choose another one, or delete it."
        )
    outputs = task_logits(model.output)[ACTION].shape[-1]
    if len(labels.names) != outputs:
        raise UserError(
            "The model must have one output per label. "
            f"Received: {outputs} outputs, {len(labels.names)} labels. Pass the label map that the "
            "model was trained with."
        )
    preprocessing = _preprocessing(model, short_side, sampling, frame_stride)
    model = float32_copy(model)
    with reports_write_errors(directory, "directory"):
        directory.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=directory.parent, prefix=".export-") as scratch:
            written = pathlib.Path(scratch) / "saved_model"
            _write(model, labels, preprocessing, written, pathlib.Path(scratch))
            difference = _check(model, written, pathlib.Path(scratch), rtol, atol)
            os.replace(written, directory)
    return difference


def _preprocessing(model, short_side, sampling, frame_stride):
    _, num_segments, height, width, _ = model.input_shape
    if sampling == "segments":
        frame = {"segment_frame": "int(frames / num_segments * (i + 1 / 2))"}
    else:
        frame = {
            "frame_stride": frame_stride,
            "window": "frame_stride * num_segments; 64 where frame_stride is null",
            "stride": "frame_stride; max(64 // num_segments, 1) where it is null",
            "dense_frame": "(max(frames - window, 0) // 2 + i * stride) % frames",
        }
    return {
        "short_side": short_side,
        "num_segments": num_segments,
        "sampling": sampling,
        **frame,
        "crop": "center, 224 / 256 of the short side",
        "image_size": [height, width],
        "channels": "RGB, 0..255",
    }


def _write(model, labels, preprocessing, path, scratch):
    label_file, preprocessing_file = scratch / "labels.txt", scratch / "preprocessing.json"
    labels.save(label_file)
    preprocessing_file.write_text(json.dumps(preprocessing, indent=2) + "\n")
    module = tf.Module()
    module.model_variables = [variable.value for variable in model.variables]
    module.assets = [tf.saved_model.Asset(str(f)) for f in (label_file, preprocessing_file)]
    clip_spec = tf.TensorSpec([None, *model.input_shape[1:]], tf.uint8, name="clip")

    @tf.function(autograph=False, input_signature=[clip_spec])
    def serve(clip):
        outputs = {}
        for task, logits in task_logits(model(clip, training=False)).items():
            outputs[f"{task_prefix(task)}probabilities"] = tf.nn.softmax(logits)
            outputs[f"{task_prefix(task)}logits"] = logits
        return outputs

    with ops.use_implementation("reference"):
        tf.saved_model.save(module, str(path), signatures={"serving_default": serve})


def _check(model, path, scratch, rtol, atol):
    clip = np.random.default_rng(0).integers(0, 256, (2, *model.input_shape[1:]), np.uint8)
    clip_file, logits_file = scratch / "clip.npy", scratch / "logits.npz"
    np.save(clip_file, clip)
    with plain_path(path) as folder:
        process = subprocess.run(
            [sys.executable, _CHECK_PROGRAM, folder, clip_file, logits_file],
            capture_output=True,
            text=True,
            # On the CPU: this process may occupy the memory of the GPU, which is less exact.
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"},
        )
    if process.returncode == os.EX_IOERR:
        raise OSError(process.stderr.strip().splitlines()[-1])
    if process.returncode:
        raise ExportError(
            "An exported model must run on stock TensorFlow. Received this error:\n"
            + process.stderr.strip()[-2000:]
        )
    with tf.device("CPU:0"):
        outputs = task_logits(model(clip, training=False))
    largest = 0.0
    with np.load(logits_file) as theirs:
        for task, logits in outputs.items():
            ours = logits.numpy()
            name = f"{task_prefix(task)}logits"
            difference = float(np.max(np.abs(ours - theirs[name])))
            allowed = atol + rtol * float(np.max(np.abs(ours)))
            if not difference <= allowed:
                raise ExportError(
                    "An exported model must have the model's outputs. Received: logits that differ "
                    f"by up to {difference:.3g} (allowed: {allowed:.3g})"
                )
            largest = max(largest, difference)
    return largest


def next_version(directory: str | os.PathLike) -> pathlib.Path:
    """Returns the folder for the next export, numbered as TensorFlow Serving expects.

    Args:
        directory: Folder of the exports of a model; it need not exist.

    Returns:
        `directory/<n>`, n being one more than the largest number in the folder, 1 for the first.
    """
    directory = pathlib.Path(directory)
    versions = [int(p.name) for p in directory.glob("*") if p.name.isdigit()]
    return directory / str(max(versions, default=0) + 1)
