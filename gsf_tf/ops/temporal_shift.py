"""Temporal shift: the op of TSM, and the shift of Gate-Shift-Fuse."""

import operator

import tensorflow as tf
from tensorflow.types.experimental import TensorLike

from gsf_tf.ops import library
from gsf_tf.ops.implementation import use_compiled
from gsf_tf.ops.reference.temporal_shift import temporal_shift as reference_temporal_shift
from gsf_tf.ops.sizes import check_num_segments

DTYPES = ("float32", "bfloat16", "float16", "float64")


def temporal_shift(x: TensorLike, num_segments: int, fold: int, causal: bool = False) -> tf.Tensor:
    """Moves two groups of channels by one frame, one from the future and one from the past.

    In frame t, the first `fold` channels are those of frame t + 1, the next `fold` channels those
    of frame t - 1, and the rest stays; frames beyond the ends of the clip count as zeros. In the
    causal form the first `fold` channels stay too, so that no frame reads a later one. The op
    can be differentiated any number of times. The compiled kernel has no XLA form: in a function
    that XLA compiles (`jit_compile=True`), the reference runs.

    Args:
        x: Tensor `[batch * num_segments, ..., channels]` of rank 2 or more; float32, bfloat16,
            float16 or float64. The number of channels must be known, the other dimensions may be
            dynamic.
        num_segments: Frames per clip, 1..2**31 - 1; time is folded into the batch.
        fold: Channels per direction, at least 0, with `2 * fold <= channels`. TSM uses
            `channels // 8`, Gate-Shift-Fuse half of its gated channels.
        causal: Whether the op takes its causal form.

    Returns:
        A tensor of the shape and dtype of `x`.

    Raises:
        ValueError: If a shape, a dtype, `num_segments` or `fold` breaks these rules.

    Example:

    ```python
    x = tf.random.normal([2 * 8, 56, 56, 64])
    y = gsf_tf.ops.temporal_shift(x, num_segments=8, fold=8)
    ```

    Reference:
        Lin et al., "TSM: Temporal Shift Module for Efficient Video Understanding", ICCV 2019.
        Sudhakaran et al., "Gate-Shift-Fuse for Video Action Recognition", equations (5)-(6).
    """
    x = tf.convert_to_tensor(x)
    num_segments, fold = operator.index(num_segments), operator.index(fold)
    _check(x, num_segments, fold)
    if use_compiled("temporal_shift"):
        return library.raw_op("temporal_shift")(
            x, num_segments=num_segments, fold=fold, causal=bool(causal)
        )
    return reference_temporal_shift(x, num_segments, fold, causal)


@tf.RegisterGradient(library.OPS["temporal_shift"])
def _temporal_shift_gradient(op, gradient):
    return library.raw_op("temporal_shift")(
        gradient,
        num_segments=op.get_attr("num_segments"),
        fold=op.get_attr("fold"),
        reverse=not op.get_attr("reverse"),
        causal=op.get_attr("causal"),
    )


def _check(x, num_segments, fold):
    received = f"Received: x of shape {x.shape}, num_segments={num_segments}, fold={fold}"
    if x.dtype.name not in DTYPES:
        raise ValueError(
            f"x must have one of the dtypes {', '.join(DTYPES)}. Received: x of {x.dtype.name}"
        )
    if x.shape.rank is None or x.shape.rank < 2 or x.shape[-1] is None:
        raise ValueError(
            f"x must be [batch * num_segments, ..., channels], with at least these two dimensions "
            f"and a known number of channels. {received}"
        )
    check_num_segments(num_segments, received)
    if fold < 0 or 2 * fold > x.shape[-1]:
        raise ValueError(f"fold must not be negative, and 2 * fold <= channels. {received}")
    if x.shape[0] is not None and x.shape[0] % num_segments != 0:
        raise ValueError(f"The first dimension of x must be a multiple of num_segments. {received}")
