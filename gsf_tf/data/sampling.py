"""Which frames of a video make a clip: the segment rules of TSN, used by every later paper.

Wang et al., "Temporal Segment Networks", section 3.1; the exact arithmetic is that of the
GSF, TSM and RubiksNet code. Positions are counted from 0.
"""

import tensorflow as tf


def train_segment_indices(num_frames, num_segments: int, seed) -> tf.Tensor:
    """Draws one frame from each of `num_segments` equal segments.

    With average = num_frames // num_segments, segment i gives the frame
    i * average + a random offset below average. A video with fewer frames than segments
    follows `test_segment_indices`.

    Args:
        num_frames: Frames in the video, at least 1; an integer or a scalar tensor.
        num_segments: Frames wanted.
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


def test_segment_indices(num_frames, num_segments: int) -> tf.Tensor:
    """Takes the middle frame of each of `num_segments` equal segments.

    With tick = num_frames / num_segments, segment i gives the frame
    int(tick / 2 + tick * i). Where there are fewer frames than segments, frames repeat.

    Args:
        num_frames: Frames in the video, at least 1; an integer or a scalar tensor.
        num_segments: Frames wanted.

    Returns:
        int32 `[num_segments]`, not decreasing.
    """
    # Double precision, in this order of operations, as Python computes it: integer
    # arithmetic would give the next frame where the exact quotient is whole and the double
    # falls just below it. `divide_no_nan` because TensorFlow's graph optimiser turns a plain
    # division by a constant into a multiplication by its rounded reciprocal.
    num_frames = tf.cast(_at_least_one(num_frames), tf.float64)
    tick = tf.math.divide_no_nan(num_frames, tf.constant(num_segments, tf.float64))
    return tf.cast(tick / 2 + tick * tf.range(num_segments, dtype=tf.float64), tf.int32)


test_segment_indices.__test__ = False  # pytest would collect the name where it is imported.


def _at_least_one(num_frames):
    num_frames = tf.cast(num_frames, tf.int32)
    message = "`num_frames` must be at least 1: a video without frames has no segments."
    with tf.control_dependencies([tf.debugging.assert_positive(num_frames, message)]):
        return tf.identity(num_frames)
