"""Prepares a single clip for prediction, exactly as the pipelines do for evaluation."""

import os

import numpy as np
import tensorflow as tf

from gsf_tf.data.pipeline.clip_rule import ClipRule
from gsf_tf.data.video.clip_limits import ClipLimits
from gsf_tf.data.video.clip_process import ClipProcess
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
    crops_along: str = "longer_side",
    limits: ClipLimits | None = None,
    process: ClipProcess | None = None,
) -> np.ndarray:
    """Makes the clip that a model takes from a video file or from frames.

    By default the clip has the middle frame of each segment and the center crop, as in the
    evaluation of `video_dataset_from_records`. The pixels differ only by the JPEG compression of
    the records.

    Args:
        frames_or_path: The path of a video file, a folder of numbered frames or an image; or uint8
            RGB frames `[N, H, W, 3]`, which are not scaled down first.
        num_segments: Frames per clip.
        image_size: (height, width) of the clip's frames, in pixels.
        short_side: Pixels. Larger videos are scaled down to this short side before the crop. It
            should be that of the records (`DatasetInfo.settings`).
        sampling: As in `video_dataset_from_records`.
        frame_stride: As in `video_dataset_from_records`.
        num_clips: Number of clips.
        num_crops: Number of crops of each clip.
        full_short_side: As in `video_dataset_from_records`.
        crops_along: As in `video_dataset_from_records`.
        limits: How much work the clip may be, by default `ClipLimits()`.
        process: Decodes the clip. By default this process does, in which a decoder that crashes or
            hangs cannot be stopped.

    Returns:
        uint8 `[num_segments, *image_size, 3]`. With several views, uint8 `[num_clips * num_crops,
        num_segments, *image_size, 3]`.

    Raises:
        VideoError: If the file cannot be decoded to its end within the limits.
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
        crops_along=crops_along,
    )

    def choose(num_frames):
        return rule.indices(num_frames, None).numpy()

    if isinstance(frames_or_path, str | os.PathLike):
        read = read_sampled_frames if process is None else process.read_sampled_frames
        frames = read(frames_or_path, choose, short_side, limits or ClipLimits())
    else:
        frames = np.asarray(frames_or_path)
        if frames.ndim != 4 or frames.shape[-1] != 3 or frames.dtype != np.uint8 or not frames.size:
            raise ValueError(
                "`frames_or_path` must be a path or uint8 frames `[N, H, W, 3]`. Received: "
                f"shape={frames.shape}, dtype={frames.dtype}"
            )
        frames = frames[choose(len(frames))]
    frames = tf.constant(frames)
    boxes = rule.boxes(frames.shape[1], frames.shape[2], seed=None)
    return rule.arrange(scale_crops(frames, boxes, rule.image_size)).numpy()
