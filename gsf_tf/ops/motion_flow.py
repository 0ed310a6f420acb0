"""Motion flow: the op of MotionSqueeze."""

import operator

import numpy as np
import tensorflow as tf
from tensorflow.types.experimental import TensorLike

from gsf_tf.ops import library
from gsf_tf.ops.implementation import use_compiled
from gsf_tf.ops.reference.motion_flow import motion_flow as reference_motion_flow
from gsf_tf.ops.sizes import check_num_segments

DTYPES = ("float32", "bfloat16", "float16", "float64")
# Memory for the correlations grows with the square. kMaxWindow in
# custom_ops/tensorflow/motion_flow_op.cc is the same number.
MAX_WINDOW = 255


def motion_flow(
    x: TensorLike,
    num_segments: int,
    window: int = 15,
    sigma: float = 5.0,
    temperature: float = 100.0,
) -> tf.Tensor:
    """Finds where each position of a frame is in the next frame, and how sure that is.

    With v the feature of a position, divided by its length, the correlation with the position that
    is the displacement d away in the next frame is `c(d) = max(v[t, p] . v[t + 1, p + d], 0)`. Its
    maximum is at d*, and the flow is a mean of the displacements with weights around d*:

    ```
    p = softmax(temperature * exp(-|d - d*|^2 / (2 sigma^2)) * c(d)),   flow = sum p(d) d / reach
    ```

    with `reach = window // 2`. Positions outside of the map are zeros, so maps may be smaller than
    the window. Of equal correlations the first one is d*, row by row of the window.

    The place of the maximum has no gradient. Half precision is computed in float32 and rounded
    once. Neither path has a tensor of all displacements in memory. The compiled kernel has a first
    derivative only: asking for the gradient of its gradient raises a `LookupError`. For higher
    derivatives, wrap the call in `use_implementation("reference")`. The compiled kernel has no XLA
    form: in a function that XLA compiles (`jit_compile=True`), the reference runs.

    Args:
        x: Tensor `[batch * num_segments, height, width, channels]`; float32, bfloat16, float16 or
            float64. The number of channels must be known, the other dimensions may be dynamic.
        num_segments: Frames per clip, 2..2**31 - 1; time is folded into the batch.
        window: Number of displacements in each direction, an odd integer, 3..255.
        sigma: Standard deviation of the Gaussian, in elements of the map, > 0. Rounded to float32.
        temperature: Factor of the softmax, > 0. Rounded to float32.

    Returns:
        `[batch * num_segments, height, width, 3]` in the dtype of `x`: the flow in x and y, in
        [-1, 1], positive to the right and down, and the confidence c(d*), in [0, 1]. The last frame
        of a clip has those of the frame before it.

    Raises:
        ValueError: If a shape, a dtype or an argument breaks these rules.

    Example:

    ```python
    x = tf.random.normal([2 * 8, 28, 28, 64])
    flow = gsf_tf.ops.motion_flow(x, num_segments=8)  # [16, 28, 28, 3]
    ```

    Reference:
        Kwon et al., "MotionSqueeze: Neural Motion Feature Learning for Video Understanding", ECCV
        2020, section 3.2; `1 / temperature` is its temperature.
    """
    x = tf.convert_to_tensor(x)
    num_segments, window = operator.index(num_segments), operator.index(window)
    _check(x, num_segments, window)
    sigma, temperature = as_attribute("sigma", sigma), as_attribute("temperature", temperature)
    if use_compiled("motion_flow"):
        computed = tf.float64 if x.dtype == tf.float64 else tf.float32
        flow, _ = library.raw_op("motion_flow")(
            x,
            num_segments=num_segments,
            window=window,
            sigma=sigma,
            temperature=temperature,
            S=computed,
        )
        return flow
    return reference_motion_flow(x, num_segments, window, sigma, temperature)


@tf.RegisterGradient(library.OPS["motion_flow"])
def _motion_flow_gradient(op, gradient, _):
    attributes = {
        name: op.get_attr(name) for name in ("num_segments", "window", "sigma", "temperature")
    }
    return library.raw_op("motion_flow_gradient")(
        op.inputs[0], op.outputs[1], gradient, **attributes
    )


def _check(x, num_segments, window):
    received = f"Received: x of shape {x.shape}, num_segments={num_segments}, window={window}"
    if x.dtype.name not in DTYPES:
        raise ValueError(
            f"x must have one of the dtypes {', '.join(DTYPES)}. Received: x of {x.dtype.name}"
        )
    if x.shape.rank != 4 or not x.shape[-1]:
        raise ValueError(
            "x must be [batch * num_segments, height, width, channels] with a known number of "
            f"channels, at least 1. {received}"
        )
    check_num_segments(num_segments, received)
    if num_segments < 2:
        raise ValueError(
            f"num_segments must be at least 2, because a frame is compared with the next one of "
            f"its clip. {received}"
        )
    if x.shape[0] is not None and x.shape[0] % num_segments != 0:
        raise ValueError(f"The first dimension of x must be a multiple of num_segments. {received}")
    if not 3 <= window <= MAX_WINDOW or window % 2 == 0:
        raise ValueError(f"window must be an odd integer, 3..{MAX_WINDOW}. {received}")


def as_attribute(name: str, value: float) -> float:
    """Returns `sigma` or `temperature` as an op's attribute holds it, so that both paths agree.

    Args:
        name: Name of the argument, for the error.
        value: The number.

    Returns:
        The number, rounded to float32.

    Raises:
        ValueError: If it is not between the least and the largest normal number of float32.
    """
    limits = np.finfo(np.float32)
    with np.errstate(over="ignore", under="ignore"):
        rounded = float(np.float32(value))
    if not limits.tiny <= rounded <= limits.max:
        raise ValueError(
            f"{name} must be a number > 0 that float32 holds, {limits.tiny:.1e}..{limits.max:.1e}. "
            f"Received: {name}={value!r}"
        )
    return rounded
