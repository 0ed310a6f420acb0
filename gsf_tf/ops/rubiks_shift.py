"""RubiksShift: every channel moves by a shift of its own in time and space."""

import operator

import tensorflow as tf
from tensorflow.types.experimental import TensorLike

from gsf_tf.ops import library
from gsf_tf.ops.implementation import refuse_xla, use_compiled
from gsf_tf.ops.reference.rubiks_shift import rubiks_shift as reference_rubiks_shift
from gsf_tf.ops.sizes import check_num_segments, is_size

DTYPES = ("float32", "bfloat16", "float16", "float64")
MODES = ("interpolated", "quantized")


def rubiks_shift(
    x: TensorLike,
    shift: TensorLike,
    num_segments: int = 1,
    strides: int | tuple[int, ...] = 1,
    mode: str = "interpolated",
) -> tf.Tensor:
    """Samples every channel at positions moved by the channel's own shift.

    ```
    y[b, t, h, w, c] = x[b, t * sT + shift[0, c], h * sH + shift[1, c], w * sW + shift[2, c], c]
    ```

    Positions between elements are interpolated trilinearly. A positive shift reads a later frame, a
    lower row, a column further right. Corners of the interpolation that lie outside of the clip
    count as zeros.

    The gradient with respect to `x` is the exact adjoint. The gradient with respect to `shift` is
    the derivative of the interpolation; at an integer, where the interpolation has a kink, it is
    half the central difference along that axis. Half precision is computed in float32 and rounded
    once. The compiled kernel has a first derivative only: asking for the gradient of its gradient
    raises a `LookupError`. For higher derivatives, wrap the call in
    `use_implementation("reference")`.

    Values that are not finite: a channel whose shift is NaN becomes NaN, and so do its gradients.
    An infinite shift reads zeros, like any shift that points outside of the clip. A NaN or an
    infinity in `x` makes its channel NaN wherever it is read. It may also do so at positions in
    reach of the largest shift of any channel, and at direct neighbors: the channel does not read
    it there, but the element may be multiplied by zero.

    Args:
        x: Tensor `[batch * num_segments, height, width, channels]`; float32, bfloat16, float16 or
            float64. The number of channels must be known, the other dimensions may be dynamic.
        shift: Tensor `[3, channels]`, rows time, vertical, horizontal, in frames and elements of
            the map; or `[2, channels]`, rows vertical and horizontal.
        num_segments: Frames per clip, 1..2**31 - 1; time is folded into the batch. It has no effect
            on a spatial shift `[2, channels]`.
        strides: One stride for height and width, or `(vertical, horizontal)`, or
            `(time, vertical, horizontal)`, each 1..2**31 - 1.
        mode: `"interpolated"` (RS), or `"quantized"` (RS-Q): shifts are rounded to integers, halves
            up, and their gradient is that of the interpolation at the unrounded shifts.

    Returns:
        A tensor of the dtype of `x`; an axis of length L and stride s has length `ceil(L / s)`.

    Raises:
        ValueError: If a shape, a dtype, a stride or the mode breaks these rules, or if the op is
            called in a function that XLA compiles (`jit_compile=True`), which cannot compile it.

    Example:

    ```python
    x = tf.random.normal([2 * 8, 56, 56, 72])
    shift = tf.random.uniform([3, 72], -1, 1)
    y = gsf_tf.ops.rubiks_shift(x, shift, num_segments=8, strides=2)  # [16, 28, 28, 72]
    ```

    Reference:
        RubiksNet paper, section 3.1, equations (4)-(6).
    """
    refuse_xla("rubiks_shift", "how far it reads depends on the values of the shift")
    x = tf.convert_to_tensor(x)
    computed = tf.float64 if x.dtype == tf.float64 else tf.float32
    shift = tf.cast(tf.convert_to_tensor(shift), computed)
    num_segments = operator.index(num_segments)
    check_arguments(x, shift, num_segments, mode)
    strides = strides_triple(strides, x, shift)
    if use_compiled("rubiks_shift"):
        return library.raw_op("rubiks_shift")(
            x, shift, num_segments=num_segments, strides=strides, quantized=mode == "quantized"
        )
    y = reference_rubiks_shift(tf.cast(x, computed), shift, num_segments, strides, mode)
    return tf.cast(y, x.dtype)


@tf.RegisterGradient(library.OPS["rubiks_shift"])
def _rubiks_shift_gradient(op, gradient):
    attributes = {name: op.get_attr(name) for name in ("num_segments", "strides", "quantized")}
    return library.raw_op("rubiks_shift_gradient")(*op.inputs, gradient, **attributes)


def check_arguments(x, shift, num_segments, mode):
    """Raises ValueError if the arguments of a shift break its rules."""
    received = (
        f"Received: x of shape {x.shape}, shift of shape {shift.shape}, num_segments={num_segments}"
    )
    if x.dtype.name not in DTYPES:
        raise ValueError(
            f"x must have one of the dtypes {', '.join(DTYPES)}. Received: x of {x.dtype.name}"
        )
    if x.shape.rank != 4 or x.shape[-1] is None:
        raise ValueError(
            "x must be [batch * num_segments, height, width, channels] with a known number of "
            f"channels. {received}"
        )
    if shift.shape.rank != 2 or shift.shape[0] not in (2, 3) or shift.shape[1] != x.shape[-1]:
        raise ValueError(
            "shift must be [3, channels] (time, vertical, horizontal) or [2, channels] (vertical, "
            f"horizontal). {received}"
        )
    check_num_segments(num_segments, received)
    if shift.shape[0] == 3 and x.shape[0] is not None and x.shape[0] % num_segments:
        raise ValueError(f"The first dimension of x must be a multiple of num_segments. {received}")
    if mode not in MODES:
        raise ValueError(f"mode must be one of {', '.join(MODES)}. Received: mode={mode!r}")


def strides_triple(strides, x, shift):
    """Returns the strides of time, height and width; raises ValueError if they break the rules."""
    given = strides if isinstance(strides, tuple | list) else (strides, strides)
    triple = (1, *given) if len(given) == 2 else tuple(given)
    if len(triple) != 3 or not all(map(is_size, triple)):
        raise ValueError(
            "strides must be one integer >= 1 for height and width, or two or three of them (time, "
            f"vertical, horizontal), each at most 2**31 - 1. Received: strides={strides!r}"
        )
    if triple[0] > 1 and shift.shape[0] == 2:
        raise ValueError(
            "A spatial shift [2, channels] has no stride in time. "
            f"Received: strides={strides!r}, shift of shape {shift.shape}, x of shape {x.shape}"
        )
    return tuple(map(operator.index, triple))
