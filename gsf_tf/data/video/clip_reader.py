"""Reads clips that are stored as video files, as folders of frames, or as images."""

import functools
import os
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from gsf_tf.data.video.frame_folder import FrameFolder
from gsf_tf.data.video.image_file import check_image, is_image, iterate_image
from gsf_tf.data.video.video_file import DecodedFrame, iterate_frames, probe, read_header


def check_clip(path: str | os.PathLike) -> None:
    """Checks that a clip can be opened, before any of it is used.

    Args:
        path: A video file, a folder of numbered frames, or an image.

    Raises:
        VideoError: If it cannot be opened. Damage further inside shows only on decoding.
    """
    if os.path.isdir(path):
        FrameFolder(path)
    elif is_image(path):
        check_image(path)
    else:
        probe(path)


def open_clip(
    path: str | os.PathLike, frame_rate: float = 0.0
) -> tuple[int, float, int, Callable[..., Iterator[DecodedFrame]]]:
    """Opens a clip and returns its length, its frame rate and an iterator over its frames.

    Args:
        path: A video file, a folder of numbered frames, or an image.
        frame_rate: Frames per second of a folder of frames, 0 if unknown.

    Returns:
        A tuple of four values: the number of frames (for a video the number in its header, which
        may be wrong); frames per second, 0.0 if unknown; the number of the first frame (0, or
        the number in the name of the first file of a folder of frames); and a function that takes
        the keyword arguments of `video_file.iterate_frames` and yields the same frames.

    Raises:
        VideoError: If the clip does not exist or cannot be opened.
    """
    if frame_rate or os.path.isdir(path):
        folder = FrameFolder(path, frame_rate)
        return len(folder), frame_rate, folder.index_base, folder.iterate_frames
    if is_image(path):
        return 1, 0.0, 0, functools.partial(iterate_image, path)
    return *read_header(path), 0, functools.partial(iterate_frames, path)


def read_sampled_frames(
    path: str | os.PathLike,
    choose: Callable[[int], Sequence[int]],
    short_side: int | None = None,
) -> np.ndarray:
    """Reads the frames that a sampling rule chooses.

    The number of frames of a video is taken from the file's header. If decoding shows that the
    header is wrong, the rule is called again with the true number and the file is decoded once
    more.

    Args:
        path: A video file, a folder of numbered frames, or an image.
        choose: A function that takes the number of frames and returns the positions of the frames
            to read, counted from 0; positions may repeat.
        short_side: As in `video_file.iterate_frames`.

    Returns:
        uint8 RGB frames `[T, H, W, 3]`, upright, in the order that `choose` returned.

    Raises:
        VideoError: If the clip cannot be decoded to its end.
    """
    num_frames, _, _, iterate = open_clip(path)
    while True:
        indices = [int(index) for index in choose(num_frames)] if num_frames else []
        wanted, kept, decoded = set(indices), {}, 0

        def keep(index, wanted=wanted):
            nonlocal decoded
            decoded = index + 1
            return index in wanted

        for frame in iterate(short_side=short_side, keep=keep):
            kept[frame.index] = frame.pixels
        if decoded == num_frames:
            return np.stack([kept[index] for index in indices])
        num_frames = decoded
