"""Chooses the frames of a clip by the segment rules of TSN, or as a dense window.

The segment rules are those of Wang et al., "Temporal Segment Networks", section 3.1, with the exact
arithmetic of the GSF, TSM and RubiksNet code. Dense windows are those of Lin et al., "TSM".
Positions are counted from 0.
"""

import tensorflow as tf
from tensorflow.types.experimental import TensorLike

# Frames that a dense clip spans if no stride is given, as in TSM's code.
DENSE_WINDOW = 64


def train_segment_indices(num_frames: TensorLike, num_segments: int, seed: TensorLike) -> tf.Tensor:
    """Draws one frame from each of `num_segments` equal segments.

    With average = num_frames // num_segments, the frame of segment i is i * average + a random
    offset below average. For a video with fewer frames than segments, the frames are those of
    `test_segment_indices`.

    Args:
        num_frames: Frames in the video, at least 1; an integer or a scalar tensor.
        num_segments: Frames to take.
        seed: Two integers; the same seed draws the same frames.

    Returns:
        int32 `[num_segments]`, not decreasing.
    """
    num_frames = _at_least_one(num_frames)
    average = num_frames // num_segments
    offsets = tf.random.stateless_uniform(
        [num_segments], seed, minval=0, maxval=tf.maximum(average, 1), dtype=tf.int32
    )
    drawn = tf.range(num_segments) * average + offsets
    return tf.where(average > 0, drawn, test_segment_indices(num_frames, num_segments))


def test_segment_indices(num_frames: TensorLike, num_segments: int) -> tf.Tensor:
    """Takes the middle frame of each of `num_segments` equal segments.

    With tick = num_frames / num_segments, the frame of segment i is int(tick / 2 + tick * i). If
    there are fewer frames than segments, frames repeat.

    Args:
        num_frames: Frames in the video, at least 1; an integer or a scalar tensor.
        num_segments: Frames to take.

    Returns:
        int32 `[num_segments]`, not decreasing.
    """
    return spread_segment_indices(num_frames, num_segments, 1)[0]


test_segment_indices.__test__ = False  # pytest would collect the name where it is imported.


def spread_segment_indices(num_frames: TensorLike, num_segments: int, num_clips: int) -> tf.Tensor:
    """Takes several clips from a video, whose frames are spread evenly over each segment.

    With tick = num_frames / num_segments, the frame of segment i in clip k is
    int(tick * i + tick * k / num_clips). For two clips this is the papers' two-clip rule: the first
    and the middle frames of the segments. A single clip has the frames of `test_segment_indices`.

    Args:
        num_frames: Frames in the video, at least 1; an integer or a scalar tensor.
        num_segments: Frames per clip.
        num_clips: Clips to take.

    Returns:
        int32 `[num_clips, num_segments]`, no row decreasing.
    """
    # Double precision and this order of operations, as in the Python of the papers' code. Integer
    # arithmetic would return the next frame if the exact quotient is an integer and the double is
    # just below it.
    num_frames = tf.cast(_at_least_one(num_frames), tf.float64)
    tick = _divide(num_frames, num_segments)
    starts = tf.range(num_segments, dtype=tf.float64) * tick
    clips = (
        tf.range(num_clips, dtype=tf.float64) if num_clips > 1 else tf.constant([0.5], tf.float64)
    )
    return tf.cast(starts + _divide(tick * clips, num_clips)[:, None], tf.int32)


def train_dense_indices(
    num_frames: TensorLike, num_segments: int, seed: TensorLike, frame_stride: int | None = None
) -> tf.Tensor:
    """Draws a window and takes every `frame_stride`-th frame of it.

    The start is drawn from all positions at which the window lies within the video. A video that
    is shorter than the window is repeated from its beginning.

    Args:
        num_frames: Frames in the video, at least 1; an integer or a scalar tensor.
        num_segments: Frames to take.
        seed: Two integers; the same seed draws the same window.
        frame_stride: Distance of the frames. The window has `num_segments` times as many frames. By
            default the window has 64 frames and the distance is 64 // num_segments.

    Returns:
        int32 `[num_segments]`.
    """
    num_frames = _at_least_one(num_frames)
    stride, last_start = _window(num_frames, num_segments, frame_stride)
    start = tf.random.stateless_uniform([], seed, minval=0, maxval=last_start + 1, dtype=tf.int32)
    return (start + tf.range(num_segments) * stride) % num_frames


def test_dense_indices(
    num_frames: TensorLike, num_segments: int, num_clips: int = 10, frame_stride: int | None = None
) -> tf.Tensor:
    """Takes windows whose starts are evenly spaced over the video.

    Clip k starts at int(last * k / (num_clips - 1)), where last is the last start at which the
    window lies within the video; a single clip starts in the middle, at last // 2.

    Args:
        num_frames: Frames in the video, at least 1; an integer or a scalar tensor.
        num_segments: Frames per clip.
        num_clips: Clips to take; ten in the papers.
        frame_stride: As in `train_dense_indices`.

    Returns:
        int32 `[num_clips, num_segments]`.
    """
    num_frames = _at_least_one(num_frames)
    stride, last_start = _window(num_frames, num_segments, frame_stride)
    if num_clips == 1:
        starts = last_start[None] // 2
    else:
        starts = last_start * tf.range(num_clips) // (num_clips - 1)
    return (starts[:, None] + tf.range(num_segments) * stride) % num_frames


test_dense_indices.__test__ = False


def _window(num_frames, num_segments, frame_stride):
    """Returns the distance of the frames and the last start of a window."""
    if frame_stride is None:
        stride, window = max(DENSE_WINDOW // num_segments, 1), DENSE_WINDOW
    else:
        stride, window = frame_stride, frame_stride * num_segments
    return stride, tf.maximum(num_frames - window, 0)


def _divide(numerator, denominator):
    # `divide_no_nan`, because TensorFlow's graph optimizer turns a plain division by a constant
    # into a multiplication by the rounded reciprocal.
    return tf.math.divide_no_nan(numerator, tf.constant(denominator, numerator.dtype))


def _at_least_one(num_frames):
    num_frames = tf.cast(num_frames, tf.int32)
    message = "`num_frames` must be at least 1: a video without frames has no segments"
    with tf.control_dependencies([tf.debugging.assert_positive(num_frames, message)]):
        return tf.identity(num_frames)
