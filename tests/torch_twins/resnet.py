"""ResNet v1.5 with torchvision's module names, and the temporal modules inside its blocks."""

import torch
from torch import nn

from tests.torch_twins.motion_squeeze import FlowRefinement, flow_of, make_reduction
from tests.torch_twins.temporal import GSF, GSM, TemporalShift

# Whether blocks are bottlenecks, their number in each stage, channels of the stem.
LAYERS = {
    "resnet18": (False, (2, 2, 2, 2), 64),
    "resnet34": (False, (3, 4, 6, 3), 64),
    "resnet50": (True, (3, 4, 6, 3), 64),
    "resnet101": (True, (3, 4, 23, 3), 64),
    "resnet14thin": (True, (1, 1, 1, 1), 16),
}


class ResNet(nn.Module):
    """`[B * T, 3, H, W]` to feature maps; `has_motion` for MotionSqueeze after layer2."""

    def __init__(self, name, method, num_segments, ratio, has_motion=False):
        super().__init__()
        self.num_segments = num_segments
        is_deep, repeats, width = LAYERS[name]
        assert is_deep or method in ("tsn", "tsm"), "GSF and GSM follow a bottleneck's conv3"
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        every = 2 if repeats[2] >= 23 else 1  # TSM shifts every second block of ResNet-101
        if has_motion:
            self.bn2 = nn.BatchNorm2d(128)  # In the authors' files, without use.
            self.flow_refinement = FlowRefinement(8 * width)
            self.chnl_reduction = make_reduction(8 * width)
        channels = width
        for i, blocks in enumerate(repeats):
            stage = nn.Sequential()
            for j in range(blocks):
                kind = Bottleneck if is_deep else BasicBlock
                block = kind(channels, width << i, i > 0 and j == 0)
                if method == "tsm" and j % every == 0:
                    if has_motion:  # Its program shifts by a function, so names have no `net`.
                        block.shift = TemporalShift(num_segments)
                    else:
                        block.conv1 = TemporalShift(num_segments, block.conv1)
                elif method == "gsf":
                    block.gsf = GSF(4 * width << i, num_segments, ratio)
                elif method == "gsm":
                    block.gsm = GSM(4 * width << i, num_segments, ratio)
                stage.append(block)
                channels = block.out_channels
            self.add_module(f"layer{i + 1}", stage)
        self.out_channels = channels

    def forward(self, x):
        x = self.maxpool(torch.relu(self.bn1(self.conv1(x))))
        x = self.layer2(self.layer1(x))
        if hasattr(self, "flow_refinement"):
            x = x + self.flow_refinement(flow_of(self.chnl_reduction(x), self.num_segments))
        return self.layer4(self.layer3(x))


class Bottleneck(nn.Module):
    def __init__(self, channels, planes, halve):
        super().__init__()
        self.out_channels = 4 * planes
        self.conv1 = nn.Conv2d(channels, planes, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, 2 if halve else 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = nn.Conv2d(planes, 4 * planes, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * planes)
        self.downsample = _downsample(channels, 4 * planes, halve)

    def forward(self, x):
        y = self.shift(x) if hasattr(self, "shift") else x
        y = torch.relu(self.bn1(self.conv1(y)))
        y = torch.relu(self.bn2(self.conv2(y)))
        y = self.conv3(y)
        for name in ("gsf", "gsm"):
            if hasattr(self, name):
                y = getattr(self, name)(y)
        y = self.bn3(y)
        return torch.relu(y + (x if self.downsample is None else self.downsample(x)))


class BasicBlock(nn.Module):
    def __init__(self, channels, planes, halve):
        super().__init__()
        self.out_channels = planes
        self.conv1 = nn.Conv2d(channels, planes, 3, 2 if halve else 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.downsample = _downsample(channels, planes, halve)

    def forward(self, x):
        y = torch.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return torch.relu(y + (x if self.downsample is None else self.downsample(x)))


def _downsample(channels, out_channels, halve):
    if channels == out_channels and not halve:
        return None
    return nn.Sequential(
        nn.Conv2d(channels, out_channels, 1, 2 if halve else 1, bias=False),
        nn.BatchNorm2d(out_channels),
    )
