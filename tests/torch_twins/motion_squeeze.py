"""MotionSqueeze as a PyTorch module on `[B * T, C, H, W]`, with all displacements in one tensor."""

import torch
from torch import nn
from torch.nn import functional

WINDOW, SIGMA, TEMPERATURE, FILTERS = 15, 5.0, 100.0, 64


def correlations(frames, num_segments, window):
    """Returns `[B * (T - 1), window**2, H, W]`, rows of displacements first, negative ones cut."""
    clips = frames.unflatten(0, (-1, num_segments))
    clips = clips / (clips.square().sum(2, keepdim=True) + 1e-6).sqrt()
    first, second = clips[:, :-1].flatten(0, 1), clips[:, 1:].flatten(0, 1)
    number, channels, *size = first.shape
    moved = functional.unfold(second, window, padding=window // 2)
    moved = moved.reshape(number, channels, window**2, *size)
    return torch.relu((first[:, :, None] * moved).sum(1))


def flow_of(frames, num_segments, window=WINDOW, sigma=SIGMA, temperature=TEMPERATURE):
    """Returns x, y and confidence as `[B * T, 3, H, W]`."""
    reach = window // 2
    matches = correlations(frames, num_segments, window)
    confidence, best = matches.max(1, keepdim=True)
    numbers = torch.arange(window**2)[:, None, None]
    rows, columns = numbers.div(window, rounding_mode="floor"), numbers % window
    squares = (columns - best % window) ** 2
    squares = squares + (rows - best.div(window, rounding_mode="floor")) ** 2
    gaussian = torch.exp(-squares.to(frames.dtype) / (2 * sigma**2))
    weights = torch.softmax(temperature * gaussian * matches, 1)
    x = (weights * (columns - reach)).sum(1, keepdim=True) / reach
    y = (weights * (rows - reach)).sum(1, keepdim=True) / reach
    flow = torch.cat([x, y, confidence], 1).unflatten(0, (-1, num_segments - 1))
    return torch.cat([flow, flow[:, -1:]], 1).flatten(0, 1)


class FlowRefinement(nn.Module):
    """The small network from the flow to features."""

    def __init__(self, channels):
        super().__init__()
        widths = (3, 16, 32, 64, channels)
        for stage, (inputs, outputs) in enumerate(zip(widths, widths[1:], strict=False), start=1):
            size = 7 if stage == 1 else 3
            layers = nn.Sequential(
                nn.Conv2d(inputs, inputs, size, padding=size // 2, groups=inputs, bias=False),
                nn.BatchNorm2d(inputs),
                nn.ReLU(),
                nn.Conv2d(inputs, outputs, 1, bias=False),
                nn.BatchNorm2d(outputs),
                nn.ReLU(),
            )
            self.add_module(f"conv{stage}", layers)

    def forward(self, flow):
        return self.conv4(self.conv3(self.conv2(self.conv1(flow))))


def make_reduction(channels):
    """Returns the convolution in whose channels frames are compared."""
    return nn.Sequential(
        nn.Conv2d(channels, FILTERS, 1, bias=False), nn.BatchNorm2d(FILTERS), nn.ReLU()
    )
