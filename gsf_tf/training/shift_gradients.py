"""Scaled normalization of the gradients of RubiksNet's shifts.

Shift variables have the attribute `shift_aspect`, which is T / H of the input of their layer. Their
rows are time, vertical and horizontal (`[3, C]`), or vertical and horizontal (`[2, C]`). Those with
fixed rows have the attribute `learned_rows`, a bool per row.
"""

import math
import numbers

import tensorflow as tf


def normalize_shift_gradient(gradient, temporal_scale):
    """Scales the temporal part of each channel's gradient, and then its length to 1.

    | equations (9)-(10) | here |
    |---|---|
    | delta theta_t, theta_h, theta_w | rows 0, 1, 2 of `gradient`, a column per channel |
    | lambda | `temporal_scale` |
    | lambda * delta theta_t in (9) | `scaled` |
    | Z | the Euclidean norm of `scaled`, with lambda squared under the root |

    Equation (10) has lambda where this function and the authors' code have lambda squared, which
    makes the result a unit vector; at lambda = 1, as in the released models, they agree. There is
    no epsilon: a gradient of zero stays zero.

    Args:
        gradient: Floating point `[3, C]` or, without time, `[2, C]`.
        temporal_scale: Lambda, a positive float.

    Returns:
        A tensor of the shape and dtype of `gradient`, whose columns have length 1 or 0.

    Reference:
        RubiksNet paper, section 3.2, "Stable Shift Training".
    """
    scales = [[temporal_scale], [1.0], [1.0]] if gradient.shape[0] == 3 else 1.0
    scaled = gradient * tf.constant(scales, gradient.dtype)
    # After this division the squares neither overflow nor underflow, for gradients of any length.
    scaled /= _one_where_zero(tf.reduce_max(tf.abs(scaled), axis=0))
    return scaled / tf.sqrt(_one_where_zero(tf.reduce_sum(tf.square(scaled), axis=0)))


def check_shift_normalization(shift_normalization):
    """Returns None, `"auto"` or a float, or raises ValueError if it is none of them."""
    if shift_normalization is None or shift_normalization == "auto":
        return shift_normalization
    is_number = isinstance(shift_normalization, numbers.Real)
    if not is_number or isinstance(shift_normalization, bool) or not _positive(shift_normalization):
        raise ValueError(
            '`shift_normalization` must be None, "auto" or a positive number. '
            f"Received: shift_normalization={shift_normalization!r}"
        )
    return float(shift_normalization)


def temporal_scales(variables, shift_normalization):
    """Returns for each variable the lambda of its normalization, None for no normalization.

    Args:
        variables: Keras variables of a model.
        shift_normalization: None, a float, or `"auto"` for every layer's own T / H.

    Raises:
        ValueError: If no variable is a shift, or the height of a map is not known for `"auto"`.
    """
    if shift_normalization is None:
        return [None] * len(variables)
    scales = [_temporal_scale(variable, shift_normalization) for variable in variables]
    if all(scale is None for scale in scales):
        raise ValueError(
            "`shift_normalization` must be None for a model without learned shifts. Received: "
            f"shift_normalization={shift_normalization!r} and a model without RubiksShift layers."
        )
    return scales


def is_shift(variable):
    """Returns whether a Keras variable is the shift of a RubiksShift layer."""
    return hasattr(variable, "shift_aspect")


def decay_mask(variable):
    """Returns what weight decay of a Keras variable is multiplied by: 0 where its value is fixed.

    Returns:
        0.0, 1.0, or a tensor `[rows, 1]` of the variable's dtype.
    """
    if not variable.trainable:
        return 0.0
    rows = getattr(variable, "learned_rows", ())
    if all(rows):
        return 1.0
    return tf.constant([[float(row)] for row in rows], variable.dtype)


def _temporal_scale(variable, shift_normalization):
    if not is_shift(variable):
        return None
    if shift_normalization != "auto":
        return shift_normalization
    if variable.shift_aspect is None:
        raise ValueError(
            '`shift_normalization="auto"` needs the height of the input of each RubiksShift layer. '
            f"Received: {variable.path}, of a layer built for any height. Build the model with a "
            "fixed `input_shape`, or pass a number."
        )
    return variable.shift_aspect


def _positive(value):
    return value > 0 and math.isfinite(value)


def _one_where_zero(x):
    return tf.where(tf.equal(x, 0), tf.ones_like(x), x)
