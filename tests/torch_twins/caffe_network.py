"""What the twins of the two networks converted from Caffe share."""

import torch.nn.functional as F
from torch import nn

from tests.torch_twins.temporal import GSF, GSM, TemporalShift


class CaffeNetwork(nn.Module):
    """A flat network: every layer is an attribute called as in the released checkpoints.

    Args:
        method: `"tsn"`, `"tsm"`, `"gsm"` or `"gsf"`.
        places: Names of the convolutions that the method's module follows.
        num_segments: Frames per clip.
        ratio: Share of the channels for GSF and GSM.
    """

    input_scale = 70  # Roughly the deviation of BGR in 0..255 less its mean.

    def __init__(self, method, places, num_segments, ratio):
        super().__init__()
        self.method = method
        self.places = set() if method == "tsn" else set(places)
        self.num_segments = num_segments
        self.ratio = ratio
        self.relu = nn.ReLU(inplace=True)
        self.norm_of = {}

    def add_unit(self, conv, norm, channels, filters, kernel, stride=1, padding=0):
        """Registers a convolution with bias, its module where it has one, and its BN."""
        self.add_module(conv, nn.Conv2d(channels, filters, kernel, stride, padding))
        if conv in self.places:
            module = {
                "tsm": lambda: TemporalShift(self.num_segments),
                "gsm": lambda: GSM(filters, self.num_segments, self.ratio),
                "gsf": lambda: GSF(filters, self.num_segments, self.ratio),
            }[self.method]()
            self.add_module(f"{self.method}_{conv}", module)
        self.add_module(norm, nn.BatchNorm2d(filters))
        self.norm_of[conv] = norm
        return filters

    def run_unit(self, conv, x):
        x = getattr(self, conv)(x)
        if conv in self.places:
            x = getattr(self, f"{self.method}_{conv}")(x)
        return self.relu(getattr(self, self.norm_of[conv])(x))


def ceil_max_pool(x):
    return F.max_pool2d(x, 3, 2, ceil_mode=True)


def same_size_pool(x, kind):
    if kind == "max":
        return F.max_pool2d(x, 3, 1, 1)
    return F.avg_pool2d(x, 3, 1, 1, count_include_pad=True)
