"""Reading a clip whatever it is stored as: a video file, a folder of frames, or an image."""

import functools
import os
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from gsf_tf.data.video.frame_folder import FrameFolder
from gsf_tf.data.video.image_file import check_image, is_image, iterate_image
from gsf_tf.data.video.video_file import DecodedFrame, iterate_frames, probe, read_header


def check_clip(path: str | os.PathLike) -> None:
    """Looks at a clip before it is decoded.

    Args:
        path: A video file, a folder of numbered frames, or an image.

    Raises:
        VideoError: When it cannot be read. Damage inside shows only on decoding.
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
    """Reads what a clip says of itself, without a check.

    Args:
        path: A video file, a folder of numbered frames, or an image.
        frame_rate: Frames per second of a folder of frames, 0 where unknown.

    Returns:
        The number of frames, which may be wrong for a video; frames per second, 0.0 where unknown;
        the number of the first frame in the source; and a function like
        `video_file.iterate_frames` without its first argument.

    Raises:
        VideoError: When there is no such clip, or it cannot be opened.
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
    """Reads the frames that a sampling rule chooses, in one pass wherever possible.

    The number of frames of a video is taken from the file's header; where decoding shows that
    the header was wrong, the rule is asked again with the true number.

    Args:
        path: A video file, a folder of numbered frames, or an image.
        choose: Takes the number of frames, gives the positions wanted, repetitions allowed.
        short_side: As in `video_file.iterate_frames`.

    Returns:
        uint8 RGB `[T, H, W, 3]`, upright, in the order of `choose`.

    Raises:
        VideoError: When the clip cannot be decoded to its end.
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
