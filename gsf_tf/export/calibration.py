import itertools
import os

import keras
import numpy as np

from gsf_tf.data import DatasetInfo, LabelMap, reports_damage, video_dataset_from_records
from gsf_tf.errors import UserError


def calibration_clips(
    records: str | os.PathLike,
    model: keras.Model,
    labels: LabelMap,
    *,
    num_clips: int = 100,
    split: str = "train",
    sampling: str = "segments",
    frame_stride: int | None = None,
) -> np.ndarray:
    """Reads clips of records for `export_litert`, cut as in evaluation.

    They are the first clips of the shards; `write_records` has shuffled them.

    Args:
        records: Folder of records.
        model: The model, whose input the clips fit.
        labels: The model's labels; the records must have the same.
        num_clips: How many clips, at least 1; fewer if the split has fewer.
        split: Name of a split of the records.
        sampling: The sampling of frames in the model's training, `"segments"` or `"dense"`.
        frame_stride: Distance of the frames of dense clips, in frames of the video.

    Returns:
        uint8 `[num_clips, T, H, W, 3]`.

    Raises:
        DataError: If the records cannot be read or have no such split.
        UserError: If they have other labels, or no clip, or `num_clips` is not positive.

    Example:

    ```python
    clips = gsf_tf.export.calibration_clips("records", model, labels, num_clips=50)
    gsf_tf.export.export_litert(model, labels, "mobile", kinds=["int8"], calibration=clips)
    ```
    """
    if num_clips < 1:
        raise UserError(f"`num_clips` must be 1 or more. Received: num_clips={num_clips}")
    info = DatasetInfo.load(os.fspath(records))
    theirs = LabelMap(info.labels)
    if theirs.fingerprint != labels.fingerprint:
        raise UserError(
            "Calibration records must have the labels of the model, in the same order. Received: "
            f"{len(theirs)} labels in {records} ({', '.join(theirs.names[:3])}, ...), "
            f"{len(labels)} of the model ({', '.join(labels.names[:3])}, ...). Name the records "
            "that the model was trained on."
        )
    _, num_segments, height, width, _ = model.input_shape
    dataset = video_dataset_from_records(
        info.shard_files(os.fspath(records), split),
        num_segments=num_segments,
        batch_size=1,
        image_size=(height, width),
        sampling=sampling,
        frame_stride=frame_stride,
    )
    with reports_damage():
        batches = list(itertools.islice(dataset.as_numpy_iterator(), num_clips))
    if not batches:
        raise UserError(
            f"Calibration records must have at least one clip. Received: {records}, whose split "
            f"{split!r} has none."
        )
    return np.concatenate([clip for clip, *_ in batches])


def check_calibration(calibration: np.ndarray, model: keras.Model) -> None:
    """Raises a `UserError` unless these are clips of the model, at least one.

    Args:
        calibration: Clips, uint8 `[N, T, H, W, 3]`.
        model: The model whose input they must fit.
    """
    shape, wanted = np.shape(calibration), tuple(model.input_shape[1:])
    if shape[1:] != wanted or not len(calibration) or calibration.dtype != np.uint8:
        raise UserError(
            f"`calibration` must be at least one clip of the model's, uint8 of the shape "
            f"{(None, *wanted)}. Received: shape={shape}, dtype={calibration.dtype}"
        )
