"""Reference form of `gsf_tf.ops.gate_shift_fuse`, and its parts."""

import keras
from keras import ops

from gsf_tf.ops.reference.temporal_shift import read_frames, temporal_shift


def gate_shift_fuse(
    x,
    gamma,
    beta,
    moving_mean,
    moving_variance,
    gate_kernel,
    gate_bias,
    fusion_kernel,
    fusion_bias,
    num_segments,
    fusion,
    epsilon,
    training,
    causal=False,
):
    """As `gsf_tf.ops.gate_shift_fuse`, for tensors that it has checked."""
    processed = gamma.shape[0]
    chosen = x[..., :processed]
    # Half precision overflows in the statistics, so the normalization is in float32 at least.
    normalized = ops.cast(chosen, gamma.dtype)
    mean, variance = moving_mean, moving_variance
    if training:
        mean, variance = ops.moments(normalized, axes=(0, 1, 2))
    normalized = ops.batch_normalization(normalized, mean, variance, -1, beta, gamma, epsilon)
    activated = ops.relu(ops.cast(normalized, x.dtype))
    gated = learned_gate(activated, gate_kernel, gate_bias, num_segments, causal) * chosen
    shifted = shift_halves(gated, num_segments, causal)
    residual = chosen - gated
    fused = fuse(shifted, residual, num_segments, fusion, fusion_kernel, fusion_bias, causal)
    outputs = [interleave(fused)]
    if processed < x.shape[-1]:
        outputs.append(x[..., processed:])
    return ops.concatenate(outputs, axis=-1), mean, variance


def shift_halves(gated, num_segments, causal):
    """Equations (5), (6); in the causal form both halves read frame t - 1."""
    if not causal:
        return temporal_shift(gated, num_segments, gated.shape[-1] // 2)
    clips = ops.reshape(gated, (-1, num_segments, *ops.shape(gated)[1:]))
    return ops.reshape(read_frames(clips, -1), ops.shape(gated))


def learned_gate(activated, kernel, bias, num_segments, causal=False):
    """Equations (1), (2): the gate of every channel, `[B * T, H, W, C]` in (-1, 1).

    The 3x3x3 convolution has one output plane per half. It is computed as a 2D convolution from
    each half to three planes, one per tap in time, and a sum of those planes over frames t - 1, t,
    t + 1, or t - 2, t - 1, t in the causal form.
    """
    height, width = ops.shape(activated)[1:3]
    center = 2 if causal else 1
    total = sum(
        read_frames(ops.reshape(plane, (-1, num_segments, height, width, 2)), tap - center)
        for tap, plane in enumerate(gate_planes(activated, kernel))
    )
    total = ops.reshape(total, (-1, height, width, 2))
    return gate_of(total, bias, activated.shape[-1])


def gate_planes(activated, kernel):
    """What frames contribute to the gates through each tap in time: three of `[B * T, H, W, 2]`."""
    kernel = ops.cast(kernel, activated.dtype)
    # [taps, 3, 3, C/2, 2] -> per half [3, 3, C/2, taps]
    halves = [
        ops.conv(half, ops.transpose(kernel[..., i], (1, 2, 3, 0)), 1, "same", "channels_last")
        for i, half in enumerate(ops.split(activated, 2, axis=-1))
    ]
    return [ops.stack([half[..., tap] for half in halves], axis=-1) for tap in range(3)]


def gate_of(total, bias, channels):
    """The gate of every channel, from the sum `[B * T, H, W, 2]` of the taps' planes."""
    return ops.repeat(ops.tanh(total + ops.cast(bias, total.dtype)), channels // 2, axis=-1)


def fuse(shifted, residual, num_segments, fusion, fusion_kernel, fusion_bias, causal=False):
    """Equations (9), (10); with fusion "sum", the plain sum."""
    if fusion == "sum":
        return shifted + residual
    weight = fusion_weight(shifted, residual, num_segments, fusion_kernel, fusion_bias, causal)
    return weight * shifted + (1 - weight) * residual


def fusion_weight(shifted, residual, num_segments, kernel, bias, causal=False):
    """Equations (7), (8): F as `[B * T, 1, 1, C]` in (0, 1).

    The convolution runs over the (channel, time) plane of the spatial means. In the causal form it
    is centered on frame t - 1.
    """
    channels = shifted.shape[-1]
    means = ops.reshape(spatial_means(shifted, residual), (-1, num_segments, 2, channels))
    means = ops.pad(means, [(0, 0), (2, 0) if causal else (1, 1), (0, 0), (0, 0)])
    weight = fusion_of_means(means, kernel, bias)
    return ops.cast(ops.reshape(weight, (-1, 1, 1, channels)), shifted.dtype)


def spatial_means(shifted, residual):
    """The means over a frame, `[B * T, 2, C]`, in float32 at least."""
    dtype = keras.backend.result_type(shifted.dtype, "float32")
    return ops.stack(
        [ops.mean(ops.cast(part, dtype), axis=(1, 2)) for part in (shifted, residual)], axis=1
    )


def fusion_of_means(means, kernel, bias):
    """F of equations (7), (8), `[B, T, C]`, from the means of T + 2 frames, `[B, T + 2, 2, C]`."""
    kernel, bias = ops.cast(kernel, means.dtype), ops.cast(bias, means.dtype)
    scores = []
    for half, part in enumerate(ops.split(means, 2, axis=-1)):
        # [B, T + 2, (shifted, residual), C/2] -> [B, C/2, T + 2, 2]
        plane = ops.pad(ops.transpose(part, (0, 3, 1, 2)), [(0, 0), (1, 1), (0, 0), (0, 0)])
        score = ops.conv(plane, kernel[half][..., None], 1, "valid", "channels_last")
        scores.append(score + bias[half])
    weight = ops.sigmoid(ops.concatenate(scores, axis=1)[..., 0])
    return ops.transpose(weight, (0, 2, 1))


def interleave(x):
    """`new[2 i + j] = old[j n + i]`: alternates the channels of the two quarters of each half."""
    # No tensor above rank 4: some runtimes of exported models have none.
    parts = ops.reshape(x, (-1, 2, 2, x.shape[-1] // 4))
    return ops.reshape(ops.swapaxes(parts, -1, -2), (*ops.shape(x)[:-1], x.shape[-1]))
