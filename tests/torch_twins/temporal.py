"""GSF, GSM and TSM as PyTorch modules on `[B * T, C, H, W]`."""

import torch
from torch import nn


class _GatedShift(nn.Module):
    """What GSF and GSM share; `combine` makes one tensor of the shifted and the residual part."""

    def __init__(self, channels, num_segments, ratio):
        super().__init__()
        self.num_segments = num_segments
        self.processed = int(channels * ratio)
        self.processed += self.processed % 2
        assert self.processed % 4 == 0, (channels, ratio)
        self.bn = nn.BatchNorm3d(self.processed)
        self.conv3D = nn.Conv3d(self.processed, 2, 3, padding=1, groups=2)

    def forward(self, x):
        frames, channels, height, width = x.shape
        bypass = x[:, self.processed :]
        clips = x[:, : self.processed].reshape(
            frames // self.num_segments, self.num_segments, self.processed, height, width
        )
        clips = clips.transpose(1, 2)  # [B, C, T, H, W]
        gates = torch.tanh(self.conv3D(torch.relu(self.bn(clips))))
        n = self.processed // 2
        outputs = []
        for half, (part, future) in enumerate([(clips[:, :n], True), (clips[:, n:], False)]):
            y = gates[:, half : half + 1] * part
            z = self.combine(half, shift(y, future), part - y)
            outputs.append(_interleave(z))
        z = torch.cat(outputs, 1).transpose(1, 2).reshape(frames, self.processed, height, width)
        return torch.cat([z, bypass], 1)


class GSM(_GatedShift):
    """Gate-Shift Module."""

    def __init__(self, channels, num_segments, ratio):
        super().__init__(channels, num_segments, ratio)
        nn.init.zeros_(self.conv3D.weight)
        nn.init.zeros_(self.conv3D.bias)

    def combine(self, half, shifted, residual):
        return shifted + residual


class GSF(_GatedShift):
    """Gate-Shift-Fuse."""

    def __init__(self, channels, num_segments, ratio):
        super().__init__(channels, num_segments, ratio)
        self.channel_conv1 = nn.Conv2d(2, 1, 3, padding=1)
        self.channel_conv2 = nn.Conv2d(2, 1, 3, padding=1)

    def combine(self, half, shifted, residual):
        fuse = self.channel_conv2 if half else self.channel_conv1
        means = torch.stack([shifted.mean((3, 4)), residual.mean((3, 4))], 1)  # [B, 2, C/2, T]
        weight = torch.sigmoid(fuse(means))[:, 0, :, :, None, None]
        return weight * shifted + (1 - weight) * residual


class TemporalShift(nn.Module):
    """TSM's shift of an eighth of the channels to each side; `net`, where given, comes after."""

    def __init__(self, num_segments, net=None):
        super().__init__()
        self.num_segments = num_segments
        if net is not None:
            self.net = net

    def forward(self, x):
        clips = x.unflatten(0, (-1, self.num_segments)).transpose(1, 2)
        fold = x.shape[1] // 8
        clips = torch.cat(
            [
                shift(clips[:, :fold], future=True),
                shift(clips[:, fold : 2 * fold], future=False),
                clips[:, 2 * fold :],
            ],
            1,
        )
        shifted = clips.transpose(1, 2).flatten(0, 1)
        return self.net(shifted) if hasattr(self, "net") else shifted


def shift(clips, future):
    """`[B, C, T, H, W]` one frame later (`future`) or earlier, with zeros at the end."""
    zeros = torch.zeros_like(clips[:, :, :1])
    if future:
        return torch.cat([clips[:, :, 1:], zeros], 2)
    return torch.cat([zeros, clips[:, :, :-1]], 2)


def _interleave(half):
    n = half.shape[1] // 2
    order = [j * n + i for i in range(n) for j in range(2)]
    return half[:, order]
