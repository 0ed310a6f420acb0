"""What the kernels compute, in NumPy and float64, with all gradients."""

import numpy as np


def temporal_shift(x, num_segments, fold, reverse=False, causal=False):
    """Returns `[B * T, ..., C]` with `fold` channels each of frames t + 1 and t - 1.

    In the causal form, the first of them stay.
    """
    clips = x.reshape(-1, num_segments, *x.shape[1:])
    y = clips.copy()
    first, second = np.s_[..., :fold], np.s_[..., fold : 2 * fold]
    step = -1 if reverse else 1
    if not causal:
        y[first] = _shift_time(clips[first], step)
    y[second] = _shift_time(clips[second], -step)
    return y.reshape(x.shape)


def rubiks_shift(x, shift, num_segments, strides, quantized, upstream):
    """Returns y, the gradient of x and that of the shift, for the gradient `upstream` of y.

    Per channel, each axis is a matrix from positions in x to positions in y, and y is x times the
    three of them.

    Args:
        x: `[B * T, H, W, C]`.
        shift: `[3, C]`, or `[2, C]` without time.
        num_segments: T.
        strides: `(time, vertical, horizontal)`.
        quantized: Whether values move by whole elements. The shift's gradient is not rounded.
        upstream: Of the shape of y.
    """
    if len(shift) == 2:
        shift = np.concatenate([np.zeros_like(shift[:1]), shift])
        y, x_gradient, shift_gradient = rubiks_shift(
            x, shift, 1, (1, *strides[1:]), quantized, upstream
        )
        return y, x_gradient, shift_gradient[1:]
    clips = x.reshape(-1, num_segments, *x.shape[1:])
    axes = list(zip(clips.shape[1:4], strides, strict=True))
    rounded = np.floor(shift + 0.5) if quantized else shift
    moves = [_axis_matrices(row, *axis)[0] for row, axis in zip(rounded, axes, strict=True)]
    values, slopes = zip(
        *(_axis_matrices(row, *axis) for row, axis in zip(shift, axes, strict=True)), strict=True
    )
    y = _move(moves, clips)
    upstream = upstream.reshape(y.shape)
    x_gradient = _move([np.swapaxes(matrix, 1, 2) for matrix in moves], upstream)
    shift_gradient = [
        np.sum(_move([*values[:i], slopes[i], *values[i + 1 :]], clips) * upstream, (0, 1, 2, 3))
        for i in range(3)
    ]
    return y.reshape(-1, *y.shape[2:]), x_gradient.reshape(x.shape), np.stack(shift_gradient)


def gate_shift_fuse(x, weights, num_segments, processed, epsilon, training, upstream, causal=False):
    """Returns a dictionary of y, what the forward pass saves, and the gradients `d_...`.

    Args:
        x: `[B * T, H, W, C]`.
        weights: Dictionary of arrays as in `gsf_gate_shift_fuse_weights`; without learned fusion,
            `fusion_kernel` is absent.
        num_segments: T.
        processed: Channels that are processed.
        epsilon: Added to the variance.
        training: Whether the statistics are those of the batch.
        upstream: The gradient of y.
        causal: Whether the convolutions over time are centered on frame t - 1, which both halves
            then read.
    """
    fusion = "fusion_kernel" in weights
    frames, height, width, _ = x.shape
    # [B, T, H, W, half, channel]
    lead = (-1, num_segments, height, width)
    part = x[..., :processed].reshape(*lead, 2, processed // 2)
    result = {}
    mean, variance = weights["mean"], weights["variance"]
    if training:
        mean, variance = x[..., :processed].mean((0, 1, 2)), x[..., :processed].var((0, 1, 2))
    result.update(mean=mean, variance=variance)
    gamma, beta, mean, variance = (
        array.reshape(2, -1) for array in (weights["gamma"], weights["beta"], mean, variance)
    )
    deviation = np.sqrt(variance + epsilon)
    normal = (part - mean) / deviation
    active = np.maximum(gamma * normal + beta, 0)
    delay = 1 if causal else 0
    gate = weights["gate_bias"] + sum(
        np.einsum("bthwgc,cg->bthwg", _window(active, tap, (1, 2, 3), delay), kernel)
        for tap, kernel in _taps(weights["gate_kernel"], 3)
    )
    gate = np.tanh(gate)
    result["gate"] = gate.reshape(frames, height, width, 2)
    gated = gate[..., None] * part
    steps = (-1 if causal else 1), -1
    shifted, residual = _shift_halves(gated, steps), part - gated
    weight = None
    if fusion:
        # [B, T, half, channel, (S, R)]
        means = np.stack([shifted.mean((2, 3)), residual.mean((2, 3))], -1)
        result["means"] = np.moveaxis(means, -1, 2).reshape(frames, 2, processed)
        # time, channel, half, part
        fusion_kernel = np.transpose(weights["fusion_kernel"], (2, 1, 0, 3))
        weight = weights["fusion_bias"][:, None] + sum(
            np.einsum("btgcs,gs->btgc", _window(means, tap, (1, 3), delay), kernel)
            for tap, kernel in _taps(fusion_kernel, 2)
        )
        weight = 1 / (1 + np.exp(-weight))
        result["fusion"] = weight.reshape(frames, processed)
        weight = weight[:, :, None, None]
        fused = weight * shifted + (1 - weight) * residual
    else:
        fused = shifted + residual
    result["y"] = np.concatenate(
        [_interleave(fused).reshape(frames, height, width, processed), x[..., processed:]], -1
    )

    d_fused = _interleave(upstream[..., :processed].reshape(part.shape), back=True)
    d_shifted, d_residual = d_fused, d_fused
    if fusion:
        d_weight = np.sum(d_fused * (shifted - residual), (2, 3), keepdims=True)
        d_weight = (d_weight * weight * (1 - weight))[:, :, 0, 0]
        result["d_fusion_bias"] = d_weight.sum((0, 1, 3))
        d_kernel, d_means = np.zeros_like(fusion_kernel), np.zeros_like(means)
        for tap, kernel in _taps(fusion_kernel, 2):
            window = _window(means, tap, (1, 3), delay)
            d_kernel[tap] = np.einsum("btgcs,btgc->gs", window, d_weight)
            opposite = tuple(2 - i for i in tap)
            window = _window(d_weight, opposite, (1, 3), -delay)
            d_means += np.einsum("btgc,gs->btgcs", window, kernel)
        result["d_fusion_kernel"] = np.transpose(d_kernel, (2, 1, 0, 3))
        d_means = d_means[:, :, None, None] / (height * width)
        d_shifted = weight * d_fused + d_means[..., 0]
        d_residual = (1 - weight) * d_fused + d_means[..., 1]
    d_gated = _shift_halves(d_shifted, [-step for step in steps]) - d_residual
    d_gate = np.sum(d_gated * part, -1) * (1 - gate**2)
    result["d_gate_bias"] = d_gate.sum((0, 1, 2, 3))
    d_kernel, d_active = np.zeros_like(weights["gate_kernel"]), np.zeros_like(active)
    for tap, kernel in _taps(weights["gate_kernel"], 3):
        window = _window(active, tap, (1, 2, 3), delay)
        d_kernel[tap] = np.einsum("bthwgc,bthwg->cg", window, d_gate)
        opposite = tuple(2 - i for i in tap)
        window = _window(d_gate, opposite, (1, 2, 3), -delay)
        d_active += np.einsum("bthwg,cg->bthwgc", window, kernel)
    result["d_gate_kernel"] = d_kernel
    d_active *= active > 0
    d_beta, d_gamma = d_active.sum((0, 1, 2, 3)), np.sum(d_active * normal, (0, 1, 2, 3))
    result.update(d_beta=d_beta.reshape(-1), d_gamma=d_gamma.reshape(-1))
    if training:
        count = frames * height * width
        d_active = d_active - d_beta / count - normal * d_gamma / count
    d_part = d_residual + gate[..., None] * d_gated + gamma / deviation * d_active
    result["d_x"] = np.concatenate(
        [d_part.reshape(frames, height, width, processed), upstream[..., processed:]], -1
    )
    return result


def motion_flow(x, num_segments, window, sigma, temperature, upstream):
    """Returns a dictionary of y, what the forward pass saves, and the gradient `d_x`.

    Args:
        x: `[B * T, H, W, C]`.
        num_segments: T.
        window: Displacements in each direction.
        sigma: Standard deviation of the Gaussian.
        temperature: Factor of the softmax.
        upstream: Gradient of y, `[B * T, H, W, 3]`.
    """
    frames, height, width, channels = x.shape
    reach = window // 2
    length = np.sqrt(np.sum(x**2, -1, keepdims=True) + 1e-6)
    clips = (x / length).reshape(-1, num_segments, height, width, channels)
    # [pair, H, W, C], and the later one with zeros around it.
    before = clips[:, :-1].reshape(-1, height, width, channels)
    padding = [(0, 0), (reach, reach), (reach, reach), (0, 0)]
    after = np.pad(clips[:, 1:].reshape(before.shape), padding)
    # Displacements in their order, (y, x).
    steps = np.stack(np.divmod(np.arange(window**2), window), -1) - reach

    def window_at(array, step):
        top, left = step + reach
        return array[:, top : top + height, left : left + width]

    products = np.stack([np.sum(before * window_at(after, step), -1) for step in steps], -1)
    correlation = np.maximum(products, 0)
    best = steps[np.argmax(correlation, -1)]
    confidence = np.max(correlation, -1, keepdims=True)
    gaussian = np.exp(-np.sum((steps - best[..., None, :]) ** 2, -1) / (2 * sigma**2))
    weights = np.exp(temperature * (gaussian * correlation - confidence))
    total = np.sum(weights, -1, keepdims=True)
    weights /= total
    flow = weights @ steps[:, ::-1] / reach
    y = np.concatenate([flow, confidence], -1).reshape(-1, num_segments - 1, height, width, 3)
    saved = np.concatenate([confidence, best, total, flow], -1)

    slopes = upstream.reshape(-1, num_segments, height, width, 3)
    slopes = np.concatenate([slopes[:, :-2], slopes[:, -2:].sum(1, keepdims=True)], 1)
    slopes = slopes.reshape(-1, height, width, 3)
    distance = steps[:, ::-1] / reach - flow[..., None, :]
    slope = weights * np.sum(slopes[..., None, :2] * distance, -1) * temperature * gaussian
    slope += np.all(steps == best[..., None, :], -1) * slopes[..., 2:]
    slope *= products > 0
    d_before, d_after = np.zeros_like(before), np.zeros_like(after)
    for number, step in enumerate(steps):
        of_step = slope[..., number, None]
        d_before += of_step * window_at(after, step)
        window_at(d_after, step)[...] += of_step * before
    gradient = np.zeros_like(clips)
    gradient[:, :-1] += d_before.reshape(gradient[:, :-1].shape)
    inside = d_after[:, reach : reach + height, reach : reach + width]
    gradient[:, 1:] += inside.reshape(gradient[:, 1:].shape)
    along = np.sum(gradient * clips, -1, keepdims=True) * clips
    return {
        "y": np.concatenate([y, y[:, -1:]], 1).reshape(frames, height, width, 3),
        "saved": np.moveaxis(saved, -1, 2),
        "d_x": (gradient - along).reshape(x.shape) / length,
    }


def _shift_time(clips, step):
    """`y[:, t] = clips[:, t + step]`, zero beyond the ends."""
    y = np.zeros_like(clips)
    if step > 0:
        y[:, :-1] = clips[:, 1:]
    else:
        y[:, 1:] = clips[:, :-1]
    return y


def _shift_halves(clips, steps):
    """Each half from t + its step; `[B, T, H, W, half, channel]`."""
    return np.stack(
        [_shift_time(clips[..., half, :], step) for half, step in enumerate(steps)], axis=-2
    )


def _interleave(clips, back=False):
    """`new[2 i + j] = old[j n + i]` on the last axis, or the way back."""
    split = (-1, 2) if back else (2, clips.shape[-1] // 2)
    return np.swapaxes(clips.reshape(*clips.shape[:-1], *split), -1, -2).reshape(clips.shape)


def _window(array, tap, axes, delay=0):
    """`array` moved by `tap - 1` on each of `axes`, zero beyond the edges.

    On the first axis, which is time, it is moved by `delay` less.
    """
    offsets = [tap[0] - delay, *tap[1:]]
    for offset, axis in zip(offsets, axes, strict=True):
        pad = [(0, 0)] * array.ndim
        pad[axis] = (2, 2)
        cut = [slice(None)] * array.ndim
        cut[axis] = slice(offset + 1, offset + 1 + array.shape[axis])
        array = np.pad(array, pad)[tuple(cut)]
    return array


def _taps(kernel, axes):
    """The positions in the first `axes` axes of a kernel, and what is there."""
    return [(tap, kernel[tap]) for tap in np.ndindex(*kernel.shape[:axes])]


def _axis_matrices(shift, length, stride):
    """Of one axis: values and slopes by the shift, `[C, positions in y, positions in x]`."""
    shift = shift[:, None, None]
    of_y = np.arange(0, length, stride)[:, None]
    distance = np.arange(length) - of_y - shift
    values = np.maximum(1 - np.abs(distance), 0)
    # The mean of the slopes on both sides, which differ where the shift is an integer.
    right = (distance > 0) & (distance <= 1), (distance > -1) & (distance <= 0)
    left = (distance >= 0) & (distance < 1), (distance >= -1) & (distance < 0)
    slopes = sum(np.where(up, 0.5, 0) - np.where(down, 0.5, 0) for up, down in (right, left))
    return values, slopes


def _move(matrices, clips):
    for axis, matrix in enumerate(matrices):
        # The axis moves to the front of the others, and back.
        moved = np.moveaxis(clips, (-1, axis + 1), (0, 1))
        flat = np.matmul(matrix, moved.reshape(*moved.shape[:2], -1))
        moved = flat.reshape(*flat.shape[:2], *moved.shape[2:])
        clips = np.moveaxis(moved, (0, 1), (-1, axis + 1))
    return clips
