import tensorflow as tf


def clip_gradients(grads_and_vars, clip_norm, is_clipped=lambda variable: True):
    """Scales gradients down so that their global norm is at most `clip_norm`.

    `global_clipnorm` of a Keras optimizer would clip the gradient of each replica by itself.

    Args:
        grads_and_vars: List of pairs; gradients that are None stay.
        clip_norm: Largest norm, or None for no clipping.
        is_clipped: Function of a variable: whether its gradient makes up the norm and is scaled.

    Returns:
        List of pairs.
    """
    clipped = [g for g, variable in grads_and_vars if g is not None and is_clipped(variable)]
    if clip_norm is None or not clipped:
        return grads_and_vars
    factor = tf.minimum(clip_norm / (tf.linalg.global_norm(clipped) + 1e-6), 1.0)

    def scaled(gradient, variable):
        if gradient is None or not is_clipped(variable):
            return gradient
        return gradient * tf.cast(factor, gradient.dtype)

    return [(scaled(gradient, variable), variable) for gradient, variable in grads_and_vars]
