"""Reads clips that are stored as video files, as folders of frames, or as images."""

import contextlib
import functools
import os
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from gsf_tf.data.video.clip_budget import ClipBudget
from gsf_tf.data.video.clip_limits import ClipLimits
from gsf_tf.data.video.frame_folder import FrameFolder
from gsf_tf.data.video.frame_index import FrameIndex
from gsf_tf.data.video.image_file import check_image, is_image, iterate_image
from gsf_tf.data.video.sought_frames import MIN_FRAMES, OtherFrames, sought_frames
from gsf_tf.data.video.video_file import DecodedFrame, iterate_frames, probe, read_header
from gsf_tf.errors import VideoError

# Of all frames that are kept for one clip, together: 1.6 GB.
MAX_KEPT_PIXELS = 2**29


def check_clip(path: str | os.PathLike, limits: ClipLimits | None = None) -> None:
    """Checks that a clip can be opened, before any of it is used.

    Args:
        path: A video file, a folder of numbered frames, or an image.
        limits: How much work the clip may be, by default `ClipLimits()`.

    Raises:
        VideoError: If it cannot be opened. Damage further inside shows only on decoding.
    """
    if os.path.isdir(path):
        FrameFolder(path)
    elif is_image(path):
        check_image(path)
    else:
        probe(path, limits)


def open_clip(
    path: str | os.PathLike, frame_rate: float = 0.0, budget: ClipBudget | None = None
) -> tuple[int, float, int, Callable[..., Iterator[DecodedFrame]]]:
    """Opens a clip and returns its length, its frame rate and an iterator over its frames.

    Args:
        path: A video file, a folder of numbered frames, or an image.
        frame_rate: Frames per second of a folder of frames, 0 if unknown.
        budget: The work that is left for the clip in all passes over it. By default each pass has
            the work of `ClipLimits()`.

    Returns:
        A tuple of four values: the number of frames (for a video the number in its header, which
        may be wrong); frames per second, 0.0 if unknown; the number of the first frame (0, or
        the number in the name of the first file of a folder of frames); and a function that takes
        the keyword arguments of `video_file.iterate_frames` and yields the same frames.

    Raises:
        VideoError: If the clip does not exist or cannot be opened.
    """
    limited = {} if budget is None else {"budget": budget}
    if frame_rate or os.path.isdir(path):
        folder = FrameFolder(path, frame_rate)
        iterate = functools.partial(folder.iterate_frames, **limited)
        return len(folder), frame_rate, folder.index_base, iterate
    if is_image(path):
        return 1, 0.0, 0, functools.partial(iterate_image, path, **limited)
    return *read_header(path, **limited), 0, functools.partial(iterate_frames, path, **limited)


def read_sampled_frames(
    path: str | os.PathLike,
    choose: Callable[[int], Sequence[int]],
    short_side: int | None = None,
    limits: ClipLimits | None = None,
) -> np.ndarray:
    """Reads the frames that a sampling rule chooses.

    Of a long video whose packets tell where its frames are, only the groups of pictures in which
    chosen frames lie are decoded (`sought_frames.py`). Any other is decoded whole. Its number of
    frames is then taken from the file's header; if decoding shows that the header is wrong, the
    rule is called again with the true number and the file is decoded once more.

    Args:
        path: A video file, a folder of numbered frames, or an image.
        choose: A function that takes the number of frames and returns the positions of the frames
            to read, counted from 0; positions may repeat.
        short_side: As in `video_file.iterate_frames`.
        limits: How much work the clip may be in all passes over it. By default each pass has the
            work of `ClipLimits()`.

    Returns:
        uint8 RGB frames `[T, H, W, 3]`, upright, in the order that `choose` returned.

    Raises:
        VideoError: If the clip cannot be decoded within the limits, or the chosen frames have more
            than `MAX_KEPT_PIXELS` together.
    """
    budget = limits and ClipBudget(path, limits)
    num_frames, _, _, iterate = open_clip(path, budget=budget)
    is_video = getattr(iterate, "func", None) is iterate_frames
    if is_video and num_frames >= MIN_FRAMES:
        index = FrameIndex.read(path, budget)
        indices = _chosen(choose, len(index)) if index else []
        with contextlib.suppress(OtherFrames):
            if indices:
                frames = sought_frames(path, index, indices, short_side, budget)
                return _collect(path, indices, frames)
    while True:
        indices, decoded = _chosen(choose, num_frames), 0

        def keep(index, wanted=frozenset(indices)):
            nonlocal decoded
            decoded = index + 1
            return index in wanted

        found = _collect(path, indices, iterate(short_side=short_side, keep=keep))
        if decoded == num_frames:
            if found is None:
                raise ValueError(f"`choose` must choose a frame. Received: {indices}")
            return found
        num_frames = decoded


def _chosen(choose, num_frames):
    return [int(index) for index in choose(num_frames)] if num_frames else []


def _collect(path, indices, frames):
    """Returns the frames in the order of the indices, None if there are none."""
    places, found = {}, None
    for place, index in enumerate(indices):
        places.setdefault(index, []).append(place)
    for frame in frames:
        if found is None:
            found = _room_for(path, len(indices), frame)
        found[places[frame.index]] = frame.pixels
    return found


def _room_for(path, count, frame):
    """Returns an array for the chosen frames, which are as large as the first."""
    height, width, _ = frame.pixels.shape
    if count * height * width > MAX_KEPT_PIXELS:
        reason = (
            f"{count} frames of {width}x{height} pixels take too much memory (more than 2**29 "
            "pixels together)"
        )
        raise VideoError(path, reason, frame.index + 1)
    return np.empty((count, *frame.pixels.shape), frame.pixels.dtype)
