"""Moves the pixels of clips by an affine map, as Pillow's `Image.transform` does."""

from collections.abc import Sequence

import tensorflow as tf

# Pillow cuts off the fraction of a value. A whole number may lie this far below itself in float32.
_ROUNDING = 1e-3


def affine(
    frames: tf.Tensor,
    matrix: Sequence[tf.types.experimental.TensorLike],
    fill: Sequence[int],
    *,
    cubic: bool,
    axes: str,
) -> tf.Tensor:
    """Moves the pixels of all frames of a clip in the same way.

    Coordinates are (x, y) from the left and upper edge of the frame, so the first pixel has its
    center at (0.5, 0.5). Neighbors outside the frame have the value of the nearest pixel in it.

    Args:
        frames: uint8 `[T, H, W, 3]`; T must be known statically.
        matrix: Six float64 numbers a, b, c, d, e, f: the pixel at (x, y) gets the value that the
            frame has at (a x + b y + c, d x + e y + f).
        fill: Red, green and blue, 0..255, of a pixel whose value would be from outside the frame.
        cubic: Interpolate over 4 x 4 pixels with Pillow's bicubic kernel (Keys, with a = -1),
            instead of linearly over 2 x 2.
        axes: `"x"` or `"y"` if the map moves pixels along that axis only, otherwise `"xy"`.

    Returns:
        uint8, of the same shape.
    """
    num_frames = frames.shape[0]
    height, width = tf.shape(frames)[1], tf.shape(frames)[2]
    rows, columns = tf.range(height)[:, None], tf.range(width)[None]
    x, y = (tf.cast(index, tf.float64) + 0.5 for index in (columns, rows))
    a, b, c, d, e, f = matrix
    from_x, from_y = a * x + b * y + c, d * x + e * y + f
    in_columns = (from_x >= 0) & (from_x < tf.cast(width, tf.float64))
    in_rows = (from_y >= 0) & (from_y < tf.cast(height, tf.float64))
    inside = tf.broadcast_to(in_columns & in_rows, [height, width])

    # One lookup finds the pixel of all frames, which are moved alike. `tf.transpose` would do the
    # same as `unstack` and `stack`, but logs an error about bytes on older processors.
    pixels = tf.stack(tf.unstack(frames, num_frames), axis=2)
    pixels = tf.reshape(pixels, [height * width, num_frames * 3])
    values = 0.0
    for row, row_weight in _taps(from_y, height, cubic) if "y" in axes else [(rows, 1.0)]:
        for column, weight in _taps(from_x, width, cubic) if "x" in axes else [(columns, 1.0)]:
            tap = tf.gather(pixels, tf.reshape(row * width + column, [-1]))
            values += tf.reshape(row_weight * weight, [-1, 1]) * tf.cast(tap, tf.float32)
    values = tf.cast(tf.clip_by_value(values + _ROUNDING, 0.0, 255.0), tf.uint8)
    outside = tf.tile(tf.constant(fill, tf.uint8), [num_frames])
    moved = tf.where(tf.reshape(inside, [-1, 1]), values, outside)
    moved = tf.reshape(moved, [height, width, num_frames, 3])
    return tf.ensure_shape(tf.stack(tf.unstack(moved, num_frames, axis=2)), frames.shape)


def _taps(position, length, cubic):
    """Returns pairs of the index of a pixel and its weight, for positions along an axis."""
    first = tf.floor(position - 0.5)
    t = tf.cast(position - 0.5 - first, tf.float32)
    first = tf.cast(first, tf.int32)
    if cubic:
        first -= 1
        weights = [
            ((2 - t) * t - 1) * t,
            (t - 2) * t * t + 1,
            ((1 - t) * t + 1) * t,
            (t - 1) * t * t,
        ]
    else:
        weights = [1 - t, t]
    return [
        (tf.clip_by_value(first + number, 0, length - 1), weight)
        for number, weight in enumerate(weights)
    ]
