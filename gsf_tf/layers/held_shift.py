import tensorflow as tf


@tf.custom_gradient
def held_shift(shift):
    """Temporal shifts, held in [-1, 0]: the frame itself, the one before, or between them.

    The gradient passes, also at and beyond a bound, unless its step would lead further out.
    """

    def gradient(upstream):
        # A step goes against the gradient.
        outwards = ((shift <= -1) & (upstream > 0)) | ((shift >= 0) & (upstream < 0))
        return tf.where(outwards, tf.zeros_like(upstream), upstream)

    return tf.clip_by_value(shift, -1.0, 0.0), gradient
