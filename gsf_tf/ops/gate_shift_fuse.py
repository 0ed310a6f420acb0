"""Gate-Shift-Fuse: the op of GSF and of GSM."""

import operator

import tensorflow as tf
from tensorflow.types.experimental import TensorLike

from gsf_tf.ops import library
from gsf_tf.ops.implementation import use_compiled
from gsf_tf.ops.reference.gate_shift_fuse import gate_shift_fuse as reference_gate_shift_fuse
from gsf_tf.ops.sizes import check_num_segments

DTYPES = ("float32", "bfloat16", "float16", "float64")
FUSIONS = ("learned", "sum")


def gate_shift_fuse(
    x: TensorLike,
    gamma: TensorLike,
    beta: TensorLike,
    moving_mean: TensorLike,
    moving_variance: TensorLike,
    gate_kernel: TensorLike,
    gate_bias: TensorLike,
    fusion_kernel: TensorLike | None = None,
    fusion_bias: TensorLike | None = None,
    *,
    num_segments: int,
    fusion: str = "learned",
    epsilon: float = 1e-5,
    training: bool = False,
    causal: bool = False,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Gates the first P channels of a clip, shifts them in time and fuses them again.

    The P channels are two halves of P / 2 channels. The numbers of the equations are those of the
    GSF paper:

    ```
    gate = tanh(gate_bias + conv3d(ReLU(BN(x)), gate_kernel))                 (1), (2)
    Y = gate * x, R = x - Y                                                   (1)-(4)
    S = Y of frame t + 1 in half 1, of frame t - 1 in half 2                  (5), (6)
    F = sigmoid(fusion_bias + conv2d(mean(S; R), fusion_kernel))              (7), (8)
    Z = F * S + (1 - F) * R, or S + R with fusion "sum" (GSM)                 (9), (10)
    ```

    In the causal form no frame reads a later one: both convolutions over time are centered on frame
    t - 1, and S is Y of frame t - 1 in both halves.

    Elements outside of the clip or of the map count as zeros. Finally the channels of each half are
    interleaved, `y[2 i + j] = Z[j n + i]` with n = P / 4; the channels from P on are those of x.

    In training, BN uses the statistics of the batch, and the gradient flows through them. No
    gradient flows through the returned statistics. The compiled kernel computes half precision in
    float32 and rounds once; the reference rounds after each step. The compiled kernel has a
    first-order gradient and no XLA form: under `jit_compile=True`, wrap the call in
    `use_implementation("reference")`.

    Args:
        x: Tensor `[batch * num_segments, height, width, channels]`; float32, bfloat16, float16 or
            float64. The number of channels must be known, the other dimensions may be dynamic.
        gamma: Scale of BN, `[P]`. P is a multiple of 4 and at most the number of channels.
        beta: Offset of BN, `[P]`.
        moving_mean: Mean that BN uses outside of training, `[P]`.
        moving_variance: Variance that BN uses outside of training, `[P]`.
        gate_kernel: `[3, 3, 3, P / 2, 2]`: time, height, width, channel of the half, half.
        gate_bias: `[2]`, one per half.
        fusion_kernel: `[2, 3, 3, 2]`: half, channel, time, (S, R). None with fusion "sum".
        fusion_bias: `[2]`, one per half. None with fusion "sum".
        num_segments: Frames per clip, 1..2**31 - 1; time is folded into the batch.
        fusion: `"learned"` (GSF) or `"sum"` (GSM).
        epsilon: Small number that BN adds to the variance.
        training: Whether BN uses the statistics of the batch.
        causal: Whether the op takes its causal form.

    Returns:
        `(y, mean, variance)`: a tensor of the shape and dtype of `x`, and the statistics that BN
        used, `[P]` each. The variance is the biased one. The statistics, like the weights in the
        computation, are float64 if `x` is, else float32.

    Raises:
        ValueError: If a shape, a dtype or `fusion` breaks these rules.

    Example:

    ```python
    x = tf.random.normal([2 * 8, 14, 14, 256])
    y, mean, variance = gsf_tf.ops.gate_shift_fuse(
        x, tf.ones(64), tf.zeros(64), tf.zeros(64), tf.ones(64),
        tf.random.normal([3, 3, 3, 32, 2]), tf.zeros(2), num_segments=8, fusion="sum",
    )
    ```

    Reference:
        Sudhakaran, Escalera and Lanz, "Gate-Shift-Fuse for Video Action Recognition", section
        3.1, equations (1)-(10).
    """
    x = tf.convert_to_tensor(x)
    num_segments = operator.index(num_segments)
    _check(x, num_segments, fusion)
    computed = tf.float64 if x.dtype == tf.float64 else tf.float32
    weights = {
        "gamma": gamma,
        "beta": beta,
        "moving_mean": moving_mean,
        "moving_variance": moving_variance,
        "gate_kernel": gate_kernel,
        "gate_bias": gate_bias,
    }
    if fusion == "learned":
        weights.update(fusion_kernel=fusion_kernel, fusion_bias=fusion_bias)
    elif fusion_kernel is not None or fusion_bias is not None:
        raise ValueError(
            "fusion_kernel and fusion_bias must be None with fusion 'sum'. Received: "
            f"fusion_kernel={fusion_kernel!r}, fusion_bias={fusion_bias!r}"
        )
    weights = {name: _as_weight(name, value, computed) for name, value in weights.items()}
    _check_weights(x, weights)
    for name in ("moving_mean", "moving_variance"):
        weights[name] = tf.stop_gradient(weights[name])
    if fusion == "sum":
        weights.update(fusion_kernel=tf.zeros([0], computed), fusion_bias=tf.zeros([0], computed))
    implementation = reference_gate_shift_fuse
    if use_compiled("gate_shift_fuse"):
        implementation = library.raw_op("gate_shift_fuse")
    y, mean, variance, *_ = implementation(
        x,
        **weights,
        num_segments=num_segments,
        fusion=fusion,
        epsilon=epsilon,
        training=bool(training),
        causal=bool(causal),
    )
    return y, tf.stop_gradient(mean), tf.stop_gradient(variance)


@tf.RegisterGradient(library.OPS["gate_shift_fuse"])
def _gate_shift_fuse_gradient(op, y_gradient, *_):
    x, gamma, beta, _, _, *convolutions = op.inputs
    _, mean, variance, gate, means, fusion_weight = op.outputs
    x_gradient, gamma_gradient, beta_gradient, *convolution_gradients = library.raw_op(
        "gate_shift_fuse_gradient"
    )(
        y_gradient,
        gamma,
        beta,
        *convolutions,
        x,
        mean,
        variance,
        gate,
        means,
        fusion_weight,
        **{
            name: op.get_attr(name)
            for name in ("num_segments", "epsilon", "training", "fusion", "causal")
        },
    )
    return [x_gradient, gamma_gradient, beta_gradient, None, None, *convolution_gradients]


def _as_weight(name, value, dtype):
    if value is None:
        raise ValueError(f"{name} must be passed with fusion 'learned'. Received: {name}=None")
    return tf.cast(tf.convert_to_tensor(value), dtype)


def _check(x, num_segments, fusion):
    received = f"Received: x of shape {x.shape} and num_segments={num_segments}"
    if x.dtype.name not in DTYPES:
        raise ValueError(
            f"x must have one of the dtypes {', '.join(DTYPES)}. Received: x of {x.dtype.name}"
        )
    if x.shape.rank != 4 or x.shape[-1] is None:
        raise ValueError(
            "x must be [batch * num_segments, height, width, channels] with a known number of "
            f"channels. {received}"
        )
    check_num_segments(num_segments, received)
    if x.shape[0] is not None and x.shape[0] % num_segments != 0:
        raise ValueError(f"The first dimension of x must be a multiple of num_segments. {received}")
    if fusion not in FUSIONS:
        raise ValueError(f"fusion must be one of {', '.join(FUSIONS)}. Received: fusion={fusion!r}")


def _check_weights(x, weights):
    gamma = weights["gamma"]
    processed = gamma.shape[0] if gamma.shape.rank == 1 else 0
    if not processed or processed % 4 or processed > x.shape[-1]:
        raise ValueError(
            "gamma must be [P] with P processed channels, a positive multiple of 4 that is at most "
            f"the number of channels. Received: gamma of shape {gamma.shape}, x of shape {x.shape}"
        )
    shapes = dict.fromkeys(weights, (processed,))
    shapes.update(
        gate_kernel=(3, 3, 3, processed // 2, 2),
        gate_bias=(2,),
        fusion_kernel=(2, 3, 3, 2),
        fusion_bias=(2,),
    )
    for name, weight in weights.items():
        if weight.shape != shapes[name]:
            raise ValueError(
                f"{name} must have the shape {shapes[name]} if gamma has {gamma.shape}. "
                f"Received: {name} of shape {weight.shape}"
            )
