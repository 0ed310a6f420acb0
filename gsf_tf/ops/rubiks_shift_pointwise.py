"""RubiksShift and the 1x1 convolution after it, in one op."""

import operator

import tensorflow as tf
from tensorflow.types.experimental import TensorLike

from gsf_tf.ops import library
from gsf_tf.ops.implementation import refuse_xla, use_compiled
from gsf_tf.ops.reference.rubiks_shift_pointwise import pointwise
from gsf_tf.ops.rubiks_shift import check_arguments, rubiks_shift, strides_triple


def rubiks_shift_pointwise(
    x: TensorLike,
    shift: TensorLike,
    kernel: TensorLike,
    num_segments: int = 1,
    strides: int | tuple[int, ...] = 1,
    mode: str = "interpolated",
    addend: TensorLike | None = None,
) -> tf.Tensor:
    """Shifts every channel and multiplies the pixels with a matrix, in one pass.

    ```
    y[p, f] = addend[p, f] + sum over c of rubiks_shift(x, shift)[p, c] * kernel[c, f]
    ```

    The compiled kernel shifts a band of rows at a time and multiplies it while it is in the cache,
    so the shifted map is never in memory as a whole. It is not kept for the gradient either: the
    gradient of the kernel shifts the bands once more. In half precision the shifted band is rounded
    as `rubiks_shift` rounds; the product and the addition are computed in float32 and rounded once.

    The rules of `rubiks_shift` about its gradient and about XLA hold here too. A value that is not
    finite, in `x` or in the shift of a channel, reaches every filter of the pixels that read it.

    Args:
        x: Tensor `[batch * num_segments, height, width, channels]`; float32, bfloat16, float16 or
            float64. The number of channels must be known, the other dimensions may be dynamic.
        shift: Tensor `[3, channels]` or `[2, channels]`; see `rubiks_shift`.
        kernel: Tensor `[channels, filters]`, both at least 1 and known.
        num_segments: Frames per clip, 1..2**31 - 1.
        strides: One stride, two or three; see `rubiks_shift`.
        mode: `"interpolated"` or `"quantized"`; see `rubiks_shift`.
        addend: None, or a tensor of the shape and dtype of the result that is added to it.

    Returns:
        A tensor of the dtype of `x` with `filters` channels; an axis of length L and stride s has
        length `ceil(L / s)`.

    Raises:
        ValueError: If an argument breaks these rules, or if the op is called in a function that
            XLA compiles (`jit_compile=True`).

    Example:

    ```python
    x = tf.random.normal([2 * 8, 56, 56, 72])
    shift, kernel = tf.random.uniform([3, 72], -1, 1), tf.random.normal([72, 144])
    y = gsf_tf.ops.rubiks_shift_pointwise(x, shift, kernel, num_segments=8)  # [16, 56, 56, 144]
    ```

    Reference:
        RubiksNet paper, section 3.2, which puts a 1x1 convolution after each shift.
    """
    refuse_xla("rubiks_shift_pointwise", "how far it reads depends on the values of the shift")
    x = tf.convert_to_tensor(x)
    computed = tf.float64 if x.dtype == tf.float64 else tf.float32
    shift = tf.cast(tf.convert_to_tensor(shift), computed)
    kernel = tf.cast(tf.convert_to_tensor(kernel), computed)
    num_segments = operator.index(num_segments)
    check_arguments(x, shift, num_segments, mode)
    strides = strides_triple(strides, x, shift)
    _check_kernel(x, kernel)
    if addend is not None:
        addend = tf.convert_to_tensor(addend)
        _check_addend(x, kernel, strides, num_segments, addend)
    if not use_compiled("rubiks_shift_pointwise"):
        return pointwise(rubiks_shift(x, shift, num_segments, strides, mode), kernel, addend)
    return library.raw_op("rubiks_shift_pointwise")(
        x,
        shift,
        kernel,
        [] if addend is None else [addend],
        num_segments=num_segments,
        strides=strides,
        quantized=mode == "quantized",
    )


def pointwise_gradients(op: tf.Operation, gradient: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the gradients of the shifted map and of the kernel.

    Args:
        op: The op of a result of `rubiks_shift_pointwise`.
        gradient: The gradient of its result.
    """
    x, shift, kernel, *_ = op.inputs
    of_shifted = tf.tensordot(tf.cast(gradient, kernel.dtype), kernel, [[3], [1]])
    of_kernel = library.raw_op("rubiks_shift_pointwise_gradient")(
        x, shift, gradient, **_attributes(op)
    )
    return tf.cast(of_shifted, x.dtype), of_kernel


@tf.RegisterGradient(library.OPS["rubiks_shift_pointwise"])
def _rubiks_shift_pointwise_gradient(op, gradient):
    x, shift, _, *addend = op.inputs
    of_shifted, of_kernel = pointwise_gradients(op, gradient)
    of_x, of_shift = library.raw_op("rubiks_shift_gradient")(
        x, shift, of_shifted, **_attributes(op)
    )
    return of_x, of_shift, of_kernel, *([gradient] if addend else [])


def _attributes(op):
    return {name: op.get_attr(name) for name in ("num_segments", "strides", "quantized")}


def _check_kernel(x, kernel):
    known = kernel.shape.rank == 2 and None not in kernel.shape
    if not known or kernel.shape[0] != x.shape[-1] or 0 in kernel.shape:
        raise ValueError(
            "kernel must be [channels, filters] with the channels of x, at least one, and at least "
            "one filter. "
            f"Received: x of shape {x.shape}, kernel of shape {kernel.shape}"
        )


def _check_addend(x, kernel, strides, num_segments, addend):
    frames, *size, _ = x.shape
    lengths = [n and -(-n // s) for n, s in zip(size, strides[1:], strict=True)]
    if frames is not None and strides[0] > 1:
        frames = frames // num_segments * -(-num_segments // strides[0])
    shape = tf.TensorShape([frames, *lengths, kernel.shape[1]])
    if addend.dtype != x.dtype or not shape.is_compatible_with(addend.shape):
        raise ValueError(
            f"addend must be like the result, {x.dtype.name} of shape {shape}. "
            f"Received: addend of {addend.dtype.name} and shape {addend.shape}"
        )
