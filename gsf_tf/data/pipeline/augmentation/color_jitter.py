"""Changes the brightness, contrast, saturation and hue of clips."""

import tensorflow as tf


def color_jitter(frames, strengths: tuple[float, float, float, float], seed) -> tf.Tensor:
    """Changes the colors of all frames of a clip in the same way.

    Brightness, contrast and saturation are multiplied by factors from [1 - s, 1 + s]. Then the hue
    is rotated by a share of the color circle from [-s, s].

    Args:
        frames: uint8 `[T, H, W, 3]`.
        strengths: s for brightness, contrast, saturation and hue; 0 turns a change off.
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
