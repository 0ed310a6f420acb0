"""Reads a few frames of a long video without decoding all of it."""

import os
from collections.abc import Iterable, Iterator

from gsf_tf.data.video.clip_budget import ClipBudget
from gsf_tf.data.video.frame_index import FrameIndex
from gsf_tf.data.video.video_file import DecodedFrame, display_matrix, to_rgb
from gsf_tf.data.video.video_stream import demux, open_video
from gsf_tf.errors import VideoError

# Shorter videos are decoded whole, which also finds damage between the chosen frames.
MIN_FRAMES = 300


class OtherFrames(Exception):
    """Decoding does not give the frames that the index announces."""


def sought_frames(
    path: str | os.PathLike,
    index: FrameIndex,
    positions: Iterable[int],
    short_side: int | None = None,
    budget: ClipBudget | None = None,
    max_share: float = 0.5,
) -> Iterator[DecodedFrame]:
    """Decodes only the groups of pictures in which some frames lie.

    Every frame that comes out is compared with the one that the index announces.

    Args:
        path: Video file.
        index: The video's index.
        positions: Positions of frames in the order of display, counted from 0.
        short_side: As in `video_file.iterate_frames`.
        budget: The work that is left for the clip, by default that of `ClipLimits()`.
        max_share: Part of the video that may have to be decoded, 0..1. Decoding more than half
            takes about as long as decoding all.

    Yields:
        The frames at these positions, ascending, as `video_file.iterate_frames` has them, but
        without their times.

    Raises:
        OtherFrames: If decoding gives other frames or fails, or if more than `max_share` of the
            video has to be decoded. Then the video should be decoded whole, which says what is
            wrong with it.
        VideoError: If the frames have more pixels than the budget allows, or the time is over.
    """
    wanted, seen = set(positions), set()
    runs = index.runs(wanted)
    if sum(run.end - run.first for run in runs) > max_share * len(index):
        raise OtherFrames
    matrix = None
    try:
        with open_video(path, budget) as video:
            for position, frame in _decode(video, runs):
                matrix = matrix or display_matrix(frame)
                if position in wanted:
                    seen.add(position)
                    yield DecodedFrame(position, None, to_rgb(frame, short_side, matrix))
    except VideoError:
        raise
    except Exception as error:  # As `clip_errors` says, a decoder raises errors of any type.
        raise OtherFrames from error
    if seen != wanted:
        raise OtherFrames


def _decode(video, runs):
    """Yields the frames of the runs with their positions."""
    size, count = None, 0
    for run in runs:
        expected = iter(run.frames)
        start = run.frames[0][1]
        for frame in _frames(video, run):
            size = size or (frame.width, frame.height)
            video.budget.count_frame(*size, count)
            count += 1
            if frame.pts is not None and frame.pts < start:
                continue
            position, time = next(expected, (None, None))
            is_other = frame.pts is None or frame.pts != time
            if is_other or frame.is_corrupt or (frame.width, frame.height) != size:
                raise OtherFrames
            yield position, frame
        if next(expected, None) is not None:
            raise OtherFrames


def _frames(video, run):
    """Yields all that the decoder gives for the packets of a run, and makes it new after them."""
    context, left = video.stream.codec_context, run.end - run.first
    video.container.seek(run.frames[0][1], stream=video.stream)
    for packet in demux(video):
        # The key frame is the first of its run, and its time is that of no other packet.
        if left == run.end - run.first and packet.pts != run.frames[0][1]:
            continue
        yield from packet.decode()
        left -= 1
        if left == 0:
            break
    yield from context.decode(None)
    context.flush_buffers()
