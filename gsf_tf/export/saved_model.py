import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import tensorflow as tf

from gsf_tf import ops
from gsf_tf.errors import UserError
from gsf_tf.tasks import ACTION, task_logits, task_prefix

_CHECK_PROGRAM = pathlib.Path(__file__).with_name("stock_tensorflow_run.py")


class ExportError(UserError):
    """The exported model is not equal to the model, or does not run on stock TensorFlow."""


def export_saved_model(
    model,
    labels,
    directory,
    *,
    short_side=256,
    sampling="segments",
    frame_stride=None,
    rtol=1e-3,
    atol=1e-4,
):
    """Writes a SavedModel of standard TensorFlow ops, and proves that it is one.

    The graph is traced on the reference path of `gsf_tf.ops`. It is then loaded by a new
    process that has TensorFlow and nothing of gsf_tf, which lists every op that
    TensorFlow does not know and runs a random clip; only a model that passes, with the
    outputs of `model`, gets the name `directory`.

    The signature `serving_default` takes `clip`, uint8 `[N, T, H, W, 3]` RGB, and gives
    `probabilities` and `logits`, float32 `[N, K]`; of a multi-task model those of the action, and
    of each other task the same with its name before it, as `verb_logits`. Two assets go with it:
    `labels.txt`, the class names, one per line in the order of the outputs; and
    `preprocessing.json`, how a clip is made from a video.

    Args:
        model: `SegmentModel`, or any model from such clips to logits.
        labels: `LabelMap` with a name per output.
        directory: Where to write; must not exist.
        short_side: Pixels to which larger videos are scaled first, as the training records were.
        sampling: How the model's training sampled frames, `"segments"` or `"dense"`.
        frame_stride: Distance of the frames of dense clips.
        rtol, atol: The logits may differ by `atol + rtol * (largest absolute logit)`.

    Returns:
        The largest absolute difference of the logits that was seen.

    Raises:
        ExportError: If the exported model has other ops or other outputs. Nothing is left behind.
        UserError: If `directory` exists or the number of labels is wrong.
    """
    directory = pathlib.Path(directory)
    if directory.exists():
        raise UserError(f"An export goes to a new folder. Received: {directory}, which exists.")
    outputs = task_logits(model.output)[ACTION].shape[-1]
    if len(labels.names) != outputs:
        raise UserError(
            "The model must have one output per label. "
            f"Received: {outputs} outputs, {len(labels.names)} labels."
        )
    preprocessing = _preprocessing(model, short_side, sampling, frame_stride)
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
    process = subprocess.run(
        [sys.executable, _CHECK_PROGRAM, path, clip_file, logits_file],
        capture_output=True,
        text=True,
        # On the CPU, whose memory this process does not hold and whose arithmetic is exact.
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"},
    )
    if process.returncode:
        raise ExportError(
            "An exported model must run on stock TensorFlow. It does not:\n"
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
                    "An exported model must give the model's outputs. The logits differ by up to "
                    f"{difference:.3g} (allowed: {allowed:.3g})."
                )
            largest = max(largest, difference)
    return largest


def next_version(directory):
    """Returns `directory/<n>` with the lowest n above all that are there, as TF Serving counts."""
    directory = pathlib.Path(directory)
    versions = [int(p.name) for p in directory.glob("*") if p.name.isdigit()]
    return directory / str(max(versions, default=0) + 1)
