"""GST's network: a ResNet of 3D convolutions, most of them over one frame, with GST's names."""

import torch
from torch import nn

REPEATS = {"resnet50": ((3, 4, 6, 3), 64), "resnet14thin": ((1, 1, 1, 1), 16)}
ALPHA = 4


class GroupedResNet(nn.Module):
    """`[B * T, 3, H, W]` to feature maps of the same order."""

    def __init__(self, name, num_segments, beta):
        super().__init__()
        repeats, width = REPEATS[name]
        self.num_segments = num_segments
        self.conv1 = _convolution(3, width, (1, 7, 7), 2)
        self.bn1 = nn.BatchNorm3d(width)
        self.maxpool = nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1))
        channels = width
        for i, blocks in enumerate(repeats):
            stage = nn.Sequential()
            for j in range(blocks):
                stage.append(Block(channels, width << i, beta, 2 if i and not j else 1))
                channels = 4 * width << i
            self.add_module(f"layer{i + 1}", stage)
        self.out_channels = channels

    def forward(self, frames):
        x = frames.unflatten(0, (-1, self.num_segments)).transpose(1, 2)
        x = self.maxpool(torch.relu(self.bn1(self.conv1(x))))
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = stage(x)
        return x.transpose(1, 2).flatten(0, 1)


class Block(nn.Module):
    """A bottleneck whose 3x3 is a 1x3x3 and a 3x3x3 side by side."""

    def __init__(self, channels, planes, beta, stride):
        super().__init__()
        self.split = planes // 2 if beta == 2 else None
        inputs, temporal = planes // beta, planes // ALPHA
        self.conv1 = _convolution(channels, planes, 1)
        self.bn1 = nn.BatchNorm3d(planes)
        self.conv2 = _convolution(inputs, planes - temporal, (1, 3, 3), stride)
        self.Tconv = _convolution(inputs, temporal, (3, 3, 3), stride)
        self.bn2 = nn.BatchNorm3d(planes)
        self.conv3 = _convolution(planes, 4 * planes, 1)
        self.bn3 = nn.BatchNorm3d(4 * planes)
        self.downsample = None
        if channels != 4 * planes or stride == 2:
            self.downsample = nn.Sequential(
                _convolution(channels, 4 * planes, 1, stride), nn.BatchNorm3d(4 * planes)
            )

    def forward(self, x):
        y = torch.relu(self.bn1(self.conv1(x)))
        first = y if self.split is None else y[:, : self.split]
        second = y if self.split is None else y[:, self.split :]
        y = torch.cat([self.conv2(first), self.Tconv(second)], 1)
        y = self.bn3(self.conv3(torch.relu(self.bn2(y))))
        return torch.relu(y + (x if self.downsample is None else self.downsample(x)))


def _convolution(inputs, outputs, size, stride=1):
    size = (size,) * 3 if isinstance(size, int) else size
    padding = tuple(side // 2 for side in size)
    conv = nn.Conv3d(inputs, outputs, size, (1, stride, stride), padding, bias=False)
    conv.gain = 2  # A ReLU follows, unlike after the gates, the other 3D convolutions here.
    return conv
