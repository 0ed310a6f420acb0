"""The layers in PyTorch, as their papers and the authors' code write them.

Maps are `[B * T, C, H, W]`, in either memory format. What is tested: on the same numbers they give
what `references` gives, values and gradients.
"""

import torch
import torch.nn.functional as F


def temporal_shift(x, num_segments, fold):
    """TSM: `fold` channels each of frames t + 1 and t - 1 (Lin et al., 2019, section 3)."""
    clips = x.unflatten(0, (-1, num_segments))
    y = torch.zeros_like(clips)
    y[:, :-1, :fold] = clips[:, 1:, :fold]
    y[:, 1:, fold : 2 * fold] = clips[:, :-1, fold : 2 * fold]
    y[:, :, 2 * fold :] = clips[:, :, 2 * fold :]
    return y.flatten(0, 1)


def gate_shift_fuse(x, weights, num_segments, epsilon, training):
    """GSF: equations (1)-(10) of Sudhakaran et al., 2023, with the two stacked halves as groups.

    Args:
        x: `[B * T, C, H, W]`.
        weights: What `gate_shift_fuse_weights` returns.
        num_segments: T.
        epsilon: Added to the variance.
        training: Whether the statistics are those of the batch.
    """
    processed = weights["gamma"].numel()
    # [B, P, T, H, W]
    clips = x[:, :processed].unflatten(0, (-1, num_segments)).transpose(1, 2)
    statistics = (None, None) if training else (weights["mean"], weights["variance"])
    normal = F.batch_norm(
        clips, *statistics, weights["gamma"], weights["beta"], training, eps=epsilon
    )
    # Equations (1), (2).
    gate = F.conv3d(F.relu(normal), weights["gate_kernel"], weights["gate_bias"], 1, 1, 1, 2)
    gate = torch.tanh(gate)[:, :, None]
    # [B, half, P / 2, T, H, W]
    halves = clips.unflatten(1, (2, -1))
    gated = gate * halves
    residual = halves - gated  # (3), (4)
    later = F.pad(gated[:, 0, :, 1:], (0, 0, 0, 0, 0, 1))
    earlier = F.pad(gated[:, 1, :, :-1], (0, 0, 0, 0, 1, 0))
    shifted = torch.stack([later, earlier], 1)  # (5), (6)
    # (7), (8): [B, half, (shifted, residual), P / 2, T]
    means = torch.stack([shifted.mean((4, 5)), residual.mean((4, 5))], 2)
    fusion = F.conv2d(
        means.flatten(1, 2), weights["fusion_kernel"], weights["fusion_bias"], 1, 1, 1, 2
    )
    fusion = torch.sigmoid(fusion)[..., None, None]
    fused = fusion * shifted + (1 - fusion) * residual  # (9), (10)
    # The channels of a half are interleaved: 2 i + j comes from j P / 4 + i.
    fused = fused.unflatten(2, (2, -1)).transpose(2, 3).flatten(1, 3)
    return torch.cat([fused.transpose(1, 2).flatten(0, 1), x[:, processed:]], 1)


def gate_shift_fuse_weights(weights, dtype, device):
    """Returns tensors for `gate_shift_fuse` from arrays in the layout of the kernels.

    The two convolutions have their weights in `dtype`, the normalization in float32 (float64 for
    float64), as layers of a model in mixed precision do.
    """

    def tensor(array, kind):
        return torch.as_tensor(array.copy(), dtype=kind, device=device)

    real = torch.float64 if dtype == torch.float64 else torch.float32
    result = {name: tensor(weights[name], real) for name in ("gamma", "beta", "mean", "variance")}
    # [time, height, width, channel, half] becomes [half, channel, time, height, width].
    result["gate_kernel"] = tensor(weights["gate_kernel"].transpose(4, 3, 0, 1, 2), dtype)
    # [half, channel, time, part] becomes [half, part, channel, time].
    result["fusion_kernel"] = tensor(weights["fusion_kernel"].transpose(0, 3, 1, 2), dtype)
    for name in ("gate_bias", "fusion_bias"):
        result[name] = tensor(weights[name], dtype)
    return result


def rubiks_shift(x, shift, num_segments, strides):
    """RubiksShift: trilinear samples, each the weighted sum of eight gathers over a grid.

    Args:
        x: `[B * T, C, H, W]`.
        shift: `[3, C]`, time, vertical, horizontal; float64 for float64, else float32.
        num_segments: T.
        strides: `(time, vertical, horizontal)`.
    """
    clips = x.permute(0, 2, 3, 1).unflatten(0, (-1, num_segments))
    lengths = clips.shape[1:4]
    axes = [_taps(shift[i], lengths[i], strides[i]) for i in range(3)]
    flat = clips.flatten(1, 3)
    y = 0
    for time_index, time_weight in axes[0]:
        for row, row_weight in axes[1]:
            for column, column_weight in axes[2]:
                # [T', H', W', C]
                index = time_index[:, None, None] * lengths[1] + row[None, :, None]
                index = index * lengths[2] + column[None, None, :]
                weight = time_weight[:, None, None] * row_weight[None, :, None]
                weight = weight * column_weight[None, None, :]
                size = index.shape
                index = index.flatten(0, 2).expand(len(flat), -1, -1)
                y = y + torch.gather(flat, 1, index) * weight.flatten(0, 2)
    return y.to(x.dtype).unflatten(1, size[:3]).flatten(0, 1).permute(0, 3, 1, 2)


def _taps(shift, length, stride):
    """The two positions around each sample of an axis and their weights, `[samples, C]`."""
    position = torch.arange(0, length, stride, device=shift.device)[:, None] + shift
    first = position.detach().floor()
    fraction = position - first
    taps = []
    for index, weight in ((first, 1 - fraction), (first + 1, fraction)):
        inside = (index >= 0) & (index < length)
        taps.append((index.clamp(0, length - 1).long(), torch.where(inside, weight, 0)))
    return taps
