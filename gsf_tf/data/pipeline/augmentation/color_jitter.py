"""Brightness, contrast, saturation and hue."""

import tensorflow as tf


def color_jitter(frames, strengths: tuple[float, float, float, float], seed) -> tf.Tensor:
    """Changes the colors of a clip, all frames alike.

    Brightness, contrast and saturation are multiplied by a factor from [1 - s, 1 + s], the hue is
    turned by a share of the circle from [-s, s], in this order.

    Args:
        frames: uint8 `[T, H, W, 3]`.
        strengths: s of brightness, contrast, saturation and hue; 0 leaves one out.
        seed: Two integers; the same seed draws the same change.

    Returns:
        uint8, of the same shape.
    """
    seeds = tf.unstack(tf.random.split(seed, 4))
    brightness, contrast, saturation, hue = (
        tf.random.stateless_uniform([], draw, -strength, strength)
        for draw, strength in zip(seeds, strengths, strict=True)
    )
    frames = tf.image.convert_image_dtype(frames, tf.float32)
    if strengths[0]:
        frames = tf.minimum(frames * (1 + brightness), 1.0)
    if strengths[1]:
        frames = tf.clip_by_value(tf.image.adjust_contrast(frames, 1 + contrast), 0.0, 1.0)
    if strengths[2]:
        frames = tf.image.adjust_saturation(frames, 1 + saturation)
    if strengths[3]:
        frames = tf.image.adjust_hue(frames, hue)
    return tf.image.convert_image_dtype(frames, tf.uint8, saturate=True)
