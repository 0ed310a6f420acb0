"""Random erasing: replaces a rectangle in all frames by noise."""

import math

import tensorflow as tf

# Zhong et al., "Random Erasing Data Augmentation", section 4: s_l, s_h and r_1.
AREA = (0.02, 0.4)
ASPECT = (0.3, 1 / 0.3)


def random_erasing(frames, probability: float, seed) -> tf.Tensor:
    """Replaces a rectangle of a clip by noise, the same rectangle and noise in all frames.

    Args:
        frames: uint8 `[T, H, W, 3]`.
        probability: Probability that the clip is changed.
        seed: Two integers; the same seed draws the same change.

    Returns:
        uint8, of the same shape.

    Reference:
        Zhong et al., "Random Erasing Data Augmentation", algorithm 1. A side of the
        rectangle that is longer than the frame is cut to its length, instead of drawn again.
    """
    seeds = tf.unstack(tf.random.split(seed, 5))
    height, width = tf.shape(frames)[1], tf.shape(frames)[2]

    def erase():
        area = tf.random.stateless_uniform([], seeds[1], *AREA) * tf.cast(
            height * width, tf.float32
        )
        aspect = tf.exp(tf.random.stateless_uniform([], seeds[2], *map(math.log, ASPECT)))
        inside = _rectangle(height, width, area, aspect, seeds[3])
        noise = tf.random.stateless_uniform(
            tf.shape(frames)[1:], seeds[4], maxval=256, dtype=tf.int32
        )
        return tf.where(inside[..., None], tf.cast(noise, tf.uint8), frames)

    return tf.cond(tf.random.stateless_uniform([], seeds[0]) < probability, erase, lambda: frames)


def _rectangle(height, width, area, aspect, seed):
    """Returns a mask `[height, width]` of a rectangle of height / width = aspect."""
    box_height = tf.minimum(tf.cast(tf.round(tf.sqrt(area * aspect)), tf.int32), height)
    box_width = tf.minimum(tf.cast(tf.round(tf.sqrt(area / aspect)), tf.int32), width)
    corner = tf.random.stateless_uniform([2], seed)
    free = tf.stack([height - box_height, width - box_width])
    top, left = tf.unstack(tf.cast(corner * tf.cast(free + 1, tf.float32), tf.int32))
    rows, columns = tf.range(height), tf.range(width)
    in_rows = (rows >= top) & (rows < top + box_height)
    in_columns = (columns >= left) & (columns < left + box_width)
    return in_rows[:, None] & in_columns
