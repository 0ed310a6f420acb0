"""One clip for prediction, prepared exactly as in evaluation."""

import os

import numpy as np
import tensorflow as tf

from gsf_tf.data.pipeline.clip_rule import ClipRule
from gsf_tf.data.video.clip_reader import read_sampled_frames
from gsf_tf.ops import scale_crops


def frames_to_clip(
    frames_or_path: np.ndarray | str | os.PathLike,
    num_segments: int = 8,
    image_size: tuple[int, int] = (224, 224),
    *,
    short_side: int = 256,
    sampling: str = "segments",
    frame_stride: int | None = None,
    num_clips: int = 1,
    num_crops: int = 1,
    full_short_side: bool = False,
) -> np.ndarray:
    """Makes the clip a model takes from a video file or from frames.

    It takes the middle frame of each segment and the center crop, as
    `video_dataset_from_records` does in evaluation; what remains between the two is the
    JPEG compression of the records.

    Args:
        frames_or_path: A video file, a folder of numbered frames or an image; or uint8 RGB frames
            `[N, H, W, 3]`, taken as they are.
        num_segments: Frames per clip.
        image_size: (height, width) of the frames that come out.
        short_side: Larger videos are scaled down to it first, in pixels; the value the
            records were made with (`DatasetInfo.settings`).
        sampling: As in `video_dataset_from_records`, like the rest.
        frame_stride: Distance of the frames of dense clips.
        num_clips: Clips to take.
        num_crops: Crops of each clip.
        full_short_side: Crops reach over the whole short side.

    Returns:
        uint8 `[num_segments, *image_size, 3]`; with more than one view `[num_clips * num_crops,
        num_segments, *image_size, 3]`.

    Raises:
        VideoError: If the file cannot be decoded to its end.
        ValueError: If the frames are not uint8 `[N, H, W, 3]`.
    """
    rule = ClipRule(
        num_segments=num_segments,
        image_size=tuple(image_size),
        training=False,
        sampling=sampling,
        frame_stride=frame_stride,
        num_clips=num_clips,
        num_crops=num_crops,
        full_short_side=full_short_side,
    )

    def choose(num_frames):
        return rule.indices(num_frames, None).numpy()

    if isinstance(frames_or_path, str | os.PathLike):
        frames = read_sampled_frames(frames_or_path, choose, short_side)
    else:
        frames = np.asarray(frames_or_path)
        if frames.ndim != 4 or frames.shape[-1] != 3 or frames.dtype != np.uint8 or not frames.size:
            raise ValueError(
                "`frames_or_path` must be a path or uint8 frames `[N, H, W, 3]`. Received an "
                f"array of shape {frames.shape} and type {frames.dtype}."
            )
        frames = frames[choose(len(frames))]
    frames = tf.constant(frames)
    boxes = rule.boxes(frames.shape[1], frames.shape[2], seed=None)
    return rule.arrange(scale_crops(frames, boxes, rule.image_size)).numpy()
