"""ResNet-50 in PyTorch, with a layer after the last convolution of each block's residual."""

from torch import nn

# Channels inside of the blocks, blocks, stride of the first.
STAGES = [(64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)]


class ResNet50(nn.Module):
    """ResNet-50 (He et al., 2016, Table 1) of frames, as TSN takes it.

    Args:
        temporal: Function of the channels of a block's output that returns the layer after its
            `conv3`, between it and its normalization, where GSF goes. `nn.Identity` gives TSN.
        num_classes: Length of the output.
    """

    def __init__(self, temporal, num_classes=174):
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 64, 7, 2, 3, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2, 1),
        )
        blocks, channels = [], 64
        for inside, count, stride in STAGES:
            for i in range(count):
                blocks.append(_Bottleneck(channels, inside, stride if i == 0 else 1, temporal))
                channels = 4 * inside
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(channels, num_classes)

    def forward(self, frames):
        return self.head(self.blocks(self.stem(frames)).mean((2, 3)))


class _Bottleneck(nn.Module):
    def __init__(self, channels, inside, stride, temporal):
        super().__init__()
        outside = 4 * inside
        self.residual = nn.Sequential(
            nn.Conv2d(channels, inside, 1, bias=False),
            nn.BatchNorm2d(inside),
            nn.ReLU(inplace=True),
            nn.Conv2d(inside, inside, 3, stride, 1, bias=False),
            nn.BatchNorm2d(inside),
            nn.ReLU(inplace=True),
            nn.Conv2d(inside, outside, 1, bias=False),
            temporal(outside),
            nn.BatchNorm2d(outside),
        )
        self.shortcut = nn.Identity()
        if channels != outside or stride != 1:
            self.shortcut = nn.Sequential(
                nn.Conv2d(channels, outside, 1, stride, bias=False), nn.BatchNorm2d(outside)
            )
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        return self.relu(self.residual(x) + self.shortcut(x))
