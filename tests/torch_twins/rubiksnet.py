"""RubiksNet with the names of the released checkpoints.

The shift samples at eight corners by index, each with a mask; it has no kernels of interpolation
coefficients, as the Keras code has.
"""

import itertools

import torch
from torch import nn

from tests.torch_twins.randomize import randomize

# Repeats of stages 1 to 4, width, squeeze-excitation.
TIERS = {
    "tiny": ((3, 4, 6, 3), 54, False),
    "small": ((3, 4, 6, 3), 72, True),
    "medium": ((3, 4, 23, 3), 72, False),
    "large": ((3, 8, 36, 3), 72, False),
    "mini": ((2, 2, 2), 32, False),
}


class RubiksNetwork(nn.Module):
    """Normalized frames `[B * T, 3, H, W]` to logits `[B, num_classes]`.

    Args:
        tier: A key of `TIERS`.
        num_classes: Outputs of the linear layer.
        num_segments: Frames per clip, T.
        attention: Whether time is shifted by attention (RS-AQ).
        first_stage: Number in the name of the first stage.
        wrapped: Whether the shortcut's convolution is in a `Sequential`, the squeeze-excitation
            has 1x1 convolutions in one, and the temperature is `[1]`.
    """

    def __init__(
        self, tier, num_classes, num_segments, attention=False, first_stage=0, wrapped=False
    ):
        super().__init__()
        repeats, width, has_squeeze = TIERS[tier]
        self.tier, self.num_segments, self.attention = tier, num_segments, attention
        self.backbone = nn.Module()
        self.backbone.conv1 = nn.Conv2d(3, width, 3, 2, 1, bias=False)
        self.stages = []
        inputs = width
        for i, blocks in enumerate((1, *repeats)):
            channels = width * (1, 1, 2, 4, 8)[i]
            stage = nn.Sequential()
            for j in range(blocks):
                stride = 2 if i > 0 and j == 0 else 1
                stage.append(Block(inputs, channels, stride, num_segments, attention, wrapped))
                if has_squeeze:
                    stage[-1].se = SqueezeExcitation(channels, wrapped)
                inputs = channels
            self.stages.append(f"layer{first_stage + i}")
            self.backbone.add_module(self.stages[-1], stage)
        self.backbone.bn_last = nn.BatchNorm2d(inputs)
        self.new_fc = nn.Linear(inputs, num_classes)

    def forward(self, frames):
        x = self.backbone.conv1(frames)
        for name in self.stages:
            x = getattr(self.backbone, name)(x)
        x = torch.relu(self.backbone.bn_last(x))
        return self.new_fc(x.mean((2, 3))).unflatten(0, (-1, self.num_segments)).mean(1)

    def blocks(self):
        return [block for name in self.stages for block in getattr(self.backbone, name)]


class Block(nn.Module):
    def __init__(self, inputs, channels, stride, num_segments, attention, wrapped):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv2 = nn.Conv2d(inputs, channels, 1, bias=False)
        if attention:
            self.conv2 = nn.Sequential(TemporalAttention(inputs, num_segments, wrapped), self.conv2)
        self.bn2 = nn.BatchNorm2d(channels)
        if attention:
            self.as3 = Shift(2, channels, stride)
        else:
            self.as3 = nn.Module()
            self.as3.rubiks3d = Shift(3, channels, stride)
        self.num_segments = num_segments
        self.conv3 = nn.Conv2d(channels, channels, 1, bias=False)
        if stride > 1 or inputs != channels:
            self.shortcut = nn.Conv2d(inputs, channels, 1, stride, bias=False)
            if wrapped:
                self.shortcut = nn.Sequential(self.shortcut)

    def forward(self, x):
        y = torch.relu(self.bn1(x))
        shortcut = self.shortcut(y) if hasattr(self, "shortcut") else x
        y = torch.relu(self.bn2(self.conv2(y)))
        y = getattr(self.as3, "rubiks3d", self.as3)(y, self.num_segments)
        if hasattr(self, "se"):
            y = self.se(y)
        return self.conv3(y) + shortcut


class Shift(nn.Module):
    """Samples at (t + dt, stride * h + dh, stride * w + dw), with dt = 0 if there are two rows."""

    def __init__(self, rows, channels, stride):
        super().__init__()
        self.stride = stride
        self.shift = nn.Parameter(torch.empty(rows, channels).uniform_(-1, 1))

    def forward(self, x, num_segments):
        clips = x.unflatten(0, (-1, num_segments)).transpose(1, 2)  # [B, C, T, H, W]
        batch, channels, *lengths = clips.shape
        shifts = self.shift
        if len(shifts) == 2:
            shifts = torch.cat([torch.zeros_like(shifts[:1]), shifts])
        strides = (1, self.stride, self.stride)
        steps = zip(shifts, strides, lengths, strict=True)
        places = [d[:, None] + torch.arange(0, n, step) for d, step, n in steps]
        flat, outputs = clips.flatten(2), 0
        for corner in itertools.product((0, 1), repeat=3):
            index, weight = 0, 1
            for axis, (place, side, length) in enumerate(zip(places, corner, lengths, strict=True)):
                low = torch.floor(place)
                part = place - low if side else low + 1 - place
                at = low.long() + side
                part = part * ((at >= 0) & (at < length))
                view = [channels, 1, 1, 1]
                view[axis + 1] = -1
                index = index * length + at.clamp(0, length - 1).view(view)
                weight = weight * part.view(view)
            taken = flat.gather(2, index.flatten(1).expand(batch, -1, -1))
            outputs = outputs + taken.unflatten(2, index.shape[1:]) * weight
        return outputs.transpose(1, 2).flatten(0, 1)


class TemporalAttention(nn.Module):
    """Weighs the frames t - 1, t and t + 1 of each channel."""

    def __init__(self, channels, num_segments, wrapped):
        super().__init__()
        self.num_segments = num_segments
        self.weight = nn.Parameter(torch.empty(channels, 3).uniform_(1, 1.05))
        self.register_buffer("T", torch.full((1,) if wrapped else (), 2.0))

    def forward(self, x):
        weight = self.weight / (self.weight.std(1, keepdim=True) + 1e-6) / self.T
        weight = torch.exp(weight - weight.amax(1, keepdim=True))
        weight = (weight / weight.sum(1, keepdim=True)).T[:, None, :, None, None]
        clips = x.unflatten(0, (-1, self.num_segments))
        outputs = clips * weight[1]
        outputs[:, 1:] += clips[:, :-1] * weight[0]
        outputs[:, :-1] += clips[:, 1:] * weight[2]
        return outputs.flatten(0, 1)


class SqueezeExcitation(nn.Module):
    def __init__(self, channels, wrapped):
        super().__init__()
        hidden = channels // 12
        if wrapped:
            first = nn.Conv2d(channels, hidden, 1, bias=False)
            second = nn.Conv2d(hidden, channels, 1, bias=False)
            self.gate = nn.Sequential(first, nn.ReLU(), second, nn.Sigmoid())
        else:
            self.fc1 = nn.Linear(channels, hidden, bias=False)
            self.fc2 = nn.Linear(hidden, channels, bias=False)

    def forward(self, x):
        means = x.mean((2, 3))
        if hasattr(self, "gate"):
            return x * self.gate(means[:, :, None, None])
        return x * torch.sigmoid(self.fc2(torch.relu(self.fc1(means))))[:, :, None, None]


def randomize_rubiksnet(network, seed):
    """Draws all weights and running statistics of a `RubiksNetwork`, as `randomize` does.

    Shifts reach up to 2.5 frames or elements, temperatures lie between sharp and even attention.
    """
    randomize(network, seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for block in network.blocks():
            block.conv3.weight.mul_(0.3)
            for part in block.modules():
                if isinstance(part, Shift):
                    part.shift.uniform_(-2.5, 2.5, generator=generator)
                elif isinstance(part, TemporalAttention):
                    part.weight.normal_(generator=generator)
                    part.T.uniform_(0.3, 2, generator=generator)
    return network
