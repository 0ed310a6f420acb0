import os
import pathlib

import numpy as np
from PIL import Image

from gsf_tf.data.demo_clips import write_video


def write_animation(path: str | os.PathLike, frames: np.ndarray, frame_rate: int = 4) -> None:
    """Writes frames as a GIF or as an H.264 mp4 file.

    Args:
        path: A file that ends in `.gif` or `.mp4`.
        frames: uint8 `[T, H, W, 3]`, RGB. A row or column at the end is dropped if their number is
            odd and the file is a video, which needs even sizes.
        frame_rate: Frames per second, at least 1.

    Raises:
        ValueError: If the name has another ending, or the frames are others.
        OSError: If the file cannot be written.

    Example:

    ```python
    frames = gsf_tf.analysis.overlay(np.asarray(clips[0], "uint8"), maps[0])
    gsf_tf.analysis.write_animation("saliency.gif", frames)
    ```
    """
    path, frames = pathlib.Path(path), np.asarray(frames)
    ending = path.suffix.lower()
    is_frames = frames.ndim == 4 and frames.shape[-1] == 3 and frames.dtype == np.uint8
    if ending not in (".gif", ".mp4") or not is_frames or not frames.size or frame_rate < 1:
        raise ValueError(
            "`path` must end in .gif or .mp4, `frames` be uint8 [T, H, W, 3] and `frame_rate` 1 or "
            f"more. Received: path={path}, frames of shape {frames.shape} and {frames.dtype}, "
            f"frame_rate={frame_rate!r}"
        )
    if ending == ".mp4":
        height, width = (size // 2 * 2 for size in frames.shape[1:3])
        write_video(path, np.ascontiguousarray(frames[:, :height, :width]), frame_rate)
        return
    first, *others = [Image.fromarray(frame) for frame in frames]
    first.save(path, save_all=True, append_images=others, duration=round(1000 / frame_rate), loop=0)
