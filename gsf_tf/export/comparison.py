"""Comparison of an exported model, which another process runs, with the model."""

import os
import pathlib
import subprocess
import sys
from collections.abc import Mapping

import keras
import numpy as np
import tensorflow as tf

from gsf_tf.export.export_error import ExportError
from gsf_tf.tasks import task_logits, task_prefix

BATCH_SIZES = (1, 3)
_ZERO = 1e-9


def random_clips(model: keras.Model) -> np.ndarray:
    """Returns random clips for a model, uint8 `[3, T, H, W, 3]`, the same in every call."""
    shape = (max(BATCH_SIZES), *model.input_shape[1:])
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def model_logits(model: keras.Model, clips: np.ndarray) -> dict[str, np.ndarray]:
    """Returns the logits of a model by the names of the export's outputs.

    They are computed on the CPU, clip by clip: a GPU is less exact.
    """
    rows = []
    with tf.device("CPU:0"):
        for clip in clips:
            rows.append(task_logits(model(clip[None], training=False)))
    return {
        f"{task_prefix(task)}logits": np.concatenate([np.asarray(row[task]) for row in rows])
        for task in rows[0]
    }


def run_alone(
    program: str, export: pathlib.Path, clips: np.ndarray, scratch: pathlib.Path
) -> list[dict[str, np.ndarray]]:
    """Runs an exported model on clips in a process that does not import gsf_tf.

    Args:
        program: File in this folder, which is called with the export, a file of clips and the file
            of the results, and writes the outputs of each batch as `<size>/<name>`.
        export: The exported model.
        clips: uint8 `[N, T, H, W, 3]`; they run as the batch sizes 1 and N.
        scratch: Folder for the two files.

    Returns:
        For each batch size, the outputs by name.

    Raises:
        ExportError: If the process fails.
        OSError: If it cannot write the results.
    """
    clip_file, result_file = scratch / "clips.npy", scratch / "outputs.npz"
    np.save(clip_file, clips)
    process = subprocess.run(
        [sys.executable, pathlib.Path(__file__).with_name(program), export, clip_file, result_file],
        capture_output=True,
        text=True,
        # On the CPU: this process may occupy the memory of the GPU, which is less exact.
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"},
    )
    if process.returncode == os.EX_IOERR:
        raise OSError(process.stderr.strip().splitlines()[-1])
    if process.returncode:
        raise ExportError(
            f"An exported model must run on the stock runtime ({program}). Received this error:\n"
            + process.stderr.strip()[-2000:]
        )
    with np.load(result_file) as archive:
        batches = sorted({int(name.split("/")[0]) for name in archive})
        outputs = [
            {n.split("/")[1]: archive[n] for n in archive if n.startswith(f"{size}/")}
            for size in batches
        ]
    clip_file.unlink()
    result_file.unlink()
    return outputs


def largest_difference(
    expected: Mapping[str, np.ndarray], received: Mapping[str, np.ndarray]
) -> float:
    """Returns the largest difference of logits, as a share of the largest logit of its task.

    Args:
        expected: The model's logits by name.
        received: The export's outputs by name, of the first clips of `expected` or of all.

    Returns:
        A number >= 0, or NaN if an output is NaN.
    """
    shares = []
    for name, ours in expected.items():
        theirs = received[name]
        largest = max(float(np.max(np.abs(ours))), _ZERO)
        shares.append(float(np.max(np.abs(ours[: len(theirs)] - theirs))) / largest)
    return float(np.max(shares))


def check_outputs(
    expected: Mapping[str, np.ndarray],
    batches: list[Mapping[str, np.ndarray]],
    bound: float | None,
) -> float:
    """Compares the outputs of an export for each batch size with the model's.

    Args:
        expected: The model's logits by name.
        batches: The export's outputs for each batch size.
        bound: Largest difference that is allowed, as a share of the largest logit; None for a
            format whose difference is measured only.

    Returns:
        The largest difference.

    Raises:
        ExportError: If it is larger, or an output is not finite.
    """
    difference = float(np.max([largest_difference(expected, outputs) for outputs in batches]))
    if not np.isfinite(difference) or (bound is not None and difference > bound):
        raise ExportError(
            "An exported model must have the model's outputs. Received: logits that differ by up "
            f"to {difference:.3g} of the largest logit"
            + ("" if bound is None else f" (allowed: {bound:.3g})")
        )
    return difference


def agreement(
    expected: Mapping[str, np.ndarray], outputs: Mapping[str, np.ndarray], bound: float | None
) -> dict[str, float]:
    """Compares the outputs of an export on calibration clips with the model's, for a report.

    Args:
        expected: The model's logits by name.
        outputs: The export's outputs for the same clips.
        bound: As in `check_outputs`.

    Returns:
        A dictionary: `calibration_clips`, their number; `calibration_difference`, the largest
        difference of the logits as a share of the largest logit; and `equal_top1`, the share of the
        clips whose most probable class is the model's.

    Raises:
        ExportError: As `check_outputs`.
    """
    ours, theirs = expected["logits"], outputs["logits"]
    return {
        "calibration_clips": len(ours),
        "calibration_difference": check_outputs(expected, [outputs], bound),
        "equal_top1": float(np.mean(theirs.argmax(-1) == ours.argmax(-1))),
    }
