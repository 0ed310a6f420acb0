import os

import keras
import numpy as np
import tensorflow as tf

from gsf_tf.data import LabelMap
from gsf_tf.errors import UserError
from gsf_tf.export.calibration import check_calibration
from gsf_tf.export.clip_recipe import ClipRecipe
from gsf_tf.export.comparison import (
    BATCH_SIZES,
    agreement,
    check_outputs,
    model_logits,
    random_clips,
    run_alone,
)
from gsf_tf.export.export_folder import new_export, write_client_files, write_json
from gsf_tf.export.model_card import ModelCard, write_model_card
from gsf_tf.export.rounding import allowed_difference
from gsf_tf.export.serving_signatures import serving_signatures
from gsf_tf.export.warmup import write_warmup
from gsf_tf.files.literal_paths import plain_path
from gsf_tf.models.float32_copy import float32_copy

PRECISIONS = ("float32", "bfloat16")


def export_saved_model(
    model: keras.Model,
    labels: LabelMap,
    directory: str | os.PathLike,
    *,
    short_side: int = 256,
    sampling: str = "segments",
    frame_stride: int | None = None,
    warmup: bool = False,
    card: ModelCard | None = None,
    precision: str = "float32",
    calibration: np.ndarray | None = None,
    rtol: float | None = None,
) -> float:
    """Writes a SavedModel that has standard TensorFlow ops only, and checks it.

    The weights are constants of the graph, in `precision` whatever that of the model, and the
    graph has fewer operations than the model: batch normalization is part of the convolutions,
    channels that a temporal layer leaves alone bypass it, and shifts have constant kernels. A new
    process without gsf_tf then loads the SavedModel with stock TensorFlow, looks for ops that
    TensorFlow does not know, and runs random clips in batches of 1 and 3. The folder gets its final
    name only if the check finds no unknown ops and the outputs of `model` in float32.

    The signature `serving_default` has the input `clip`, uint8 `[N, T, H, W, 3]` RGB, and the
    outputs `probabilities` and `logits`, float32 `[N, K]`. For a multi-task model these are the
    outputs of the action; those of the other tasks have the task as prefix (`verb_logits`). From
    the same input, `serve_classes` gives the names of the five most probable classes and their
    `scores`, and `serve_features` the vector before the classifier, `features` `[N, C]`.

    `serve_jpeg` takes `jpeg`, JPEG files `[N, T]`, the frames of each clip, or `[N]`, a picture
    for each clip. It decodes, crops and scales them as the evaluation does with frames of records,
    and gives what `serving_default` and `serve_classes` give, and `error`: for each row a text,
    which is empty where all frames decode. A row with an error has zeros and empty names, and
    the others are not touched.

    The SavedModel has two assets: `labels.txt`, the class names, one per line in the order of the
    outputs; and `preprocessing.json`, which describes how a clip is made from a video, in numbers
    and in words. Beside them `export.json` has the measured difference, and `README.md` is the
    model card.

    Args:
        model: `SegmentModel`, or any model from such clips to logits.
        labels: `LabelMap` with a name per output.
        directory: Folder that is written; it must not exist.
        short_side: Pixels to which the short side of larger videos is scaled first, as that of the
            training records.
        sampling: The sampling of frames in the model's training, `"segments"` or `"dense"`.
        frame_stride: Distance of the frames of dense clips, in frames of the video.
        warmup: Add requests that TensorFlow Serving runs before it reports the model as available;
            needs tensorflow-serving-api. They are replayed in the check, because a server does not
            load a model whose warm-up fails.
        card: What the model card says of the training; see `ModelCard`.
        precision: `"float32"`, or `"bfloat16"`: convolutions and matrix products, and what stands
            between them, are computed in bfloat16, for processors with AVX-512 BF16 or AMX. The
            weights take half of the room. Inputs and outputs are those of float32.
        calibration: Clips as in training, uint8 `[N, T, H, W, 3]`, on which a model in bfloat16 is
            compared with the model too; see `calibration_clips`.
        rtol: In float32 the logits may differ by this share of the largest absolute logit. None:
            by 1e-4; by up to 1e-3 if rounding alone moves the model's logits that far. In bfloat16
            the difference is measured only.

    Returns:
        The largest difference of the logits in the check, as a share of the largest logit.

    Raises:
        ExportError: If the exported model has unknown ops or other outputs, or TensorFlow cannot
            rewrite it to bfloat16 here. Nothing is left on the disk.
        UserError: If `directory` exists or cannot be written, the number of labels is wrong,
            `precision` is unknown, or `calibration` has other shapes or belongs to float32.

    Example:

    ```python
    export = gsf_tf.export.next_version("exported")  # exported/1
    gsf_tf.export.export_saved_model(model, labels, export)
    gsf_tf.Predictor(export).top("clip.mp4")
    ```
    """
    calibration = None if calibration is None else np.asarray(calibration)
    _check_precision(precision, calibration, model)
    recipe = ClipRecipe(short_side, sampling, frame_stride)
    with new_export(directory, model, labels) as (written, scratch):
        model = float32_copy(model)
        module = tf.Module()
        files = write_client_files(scratch, model, labels, recipe)
        module.assets = [tf.saved_model.Asset(str(file)) for file in files]
        signatures = serving_signatures(model, labels, precision)
        tf.saved_model.save(
            module,
            str(written),
            signatures=signatures,
            options=tf.saved_model.SaveOptions(experimental_custom_gradients=False),
        )
        if warmup:
            write_warmup(written, model, list(signatures))
        report = {"format": "saved_model", "precision": precision, "batch_sizes": BATCH_SIZES}
        report |= _compared(written, scratch, model, calibration, precision, rtol)
        write_json(written / "export.json", report)
        described = recipe.describe(model)
        write_model_card(written, card, model, labels, described, _measured(report))
    return report["difference"]


def _check_precision(precision, calibration, model):
    if precision not in PRECISIONS:
        raise UserError(
            f"`precision` must be one of {', '.join(PRECISIONS)}. Received: precision={precision!r}"
        )
    if calibration is not None and precision == "float32":
        raise UserError(
            "`calibration` belongs to precision='bfloat16': in float32 the outputs are the model's "
            "on any clip. Received: precision='float32' and clips. Leave the clips out."
        )
    if calibration is not None:
        check_calibration(calibration, model)


def _compared(written, scratch, model, calibration, precision, rtol):
    """Returns what the comparison with the model has shown, for the report."""
    clips = random_clips(model)
    given = clips if calibration is None else np.concatenate([clips, calibration])
    with plain_path(written) as folder:
        batches = run_alone("stock_tensorflow_run.py", folder, given, scratch)
    on_random = [{n: rows[: len(clips)] for n, rows in batch.items()} for batch in batches]
    expected, bound = model_logits(model, clips), None
    if precision == "float32":
        bound = allowed_difference(model, clips, expected, on_random) if rtol is None else rtol
    found = {"difference": check_outputs(expected, on_random, bound)}
    if calibration is not None:
        on_records = {name: rows[len(clips) :] for name, rows in batches[-1].items()}
        found |= agreement(model_logits(model, calibration), on_records, bound)
    return found


def _measured(report):
    """Returns what the model card says of the export."""
    precision, difference = report["precision"], report["difference"]
    lines = [
        f"TensorFlow SavedModel of standard operations only, in {precision}. The logits are equal "
        f"to the model's within {difference:.1e} of the largest one, for batches of "
        f"{' and '.join(map(str, BATCH_SIZES))} random clips.",
    ]
    if "equal_top1" in report:
        lines.append(
            f"On {report['calibration_clips']} clips of the records they are equal within "
            f"{report['calibration_difference']:.1e}, and the most probable class is the model's "
            f"for {report['equal_top1']:.1%}."
        )
    return lines
