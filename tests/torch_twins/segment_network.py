"""The whole network: a backbone with temporal modules, a linear layer per frame, the mean."""

from torch import nn

from tests.torch_twins.bn_inception import BNInception
from tests.torch_twins.grouped import GroupedResNet
from tests.torch_twins.inception_v3 import InceptionV3
from tests.torch_twins.resnet import ResNet


class SegmentNetwork(nn.Module):
    """Normalized frames `[B * T, 3, H, W]` to logits `[B, num_classes]`."""

    def __init__(self, base_model, num_classes, num_segments, has_kernel=False):
        super().__init__()
        self.base_model = base_model
        self.num_segments = num_segments
        self.has_kernel = has_kernel  # A linear layer that is a convolution over one position.
        linear = nn.Conv1d(base_model.out_channels, num_classes, 1)
        self.new_fc = linear if has_kernel else nn.Linear(base_model.out_channels, num_classes)

    def forward(self, frames):
        features = self.base_model(frames).mean((2, 3))
        if self.has_kernel:
            per_frame = self.new_fc(features[:, :, None])[:, :, 0]
        else:
            per_frame = self.new_fc(features)
        return per_frame.unflatten(0, (-1, self.num_segments)).mean(1)


def make_twin(method, backbone, num_classes, num_segments, channel_ratio=None):
    """Returns the PyTorch twin of the preset `<method>_<backbone>`.

    Args:
        method: `"tsn"`, `"tsm"`, `"gsm"`, `"gsf"`, `"gst"` or `"gst_large"`.
        backbone: `"bninception"`, `"inceptionv3"`, `"resnet50"`, `"resnet101"` or
            `"resnet14thin"`; TSN and TSM also `"resnet18"` and `"resnet34"`; GST `"resnet50"` or
            `"resnet14thin"`; TSM and GSF these two with `_ms` for MotionSqueeze.
        num_classes: Outputs of the linear layer.
        num_segments: Frames per clip.
        channel_ratio: Share of the channels for GSF and GSM; by default 0.25 in ResNets and 1
            in the Inception family.

    Returns:
        An `nn.Module` on normalized frames `[B * num_segments, 3, H, W]`: standard normal ones
        are typical for ResNets, and `base_model.input_scale` times that for the Inception family.
    """
    if method in ("gst", "gst_large"):
        base = GroupedResNet(backbone, num_segments, beta=2 if method == "gst" else 1)
    elif backbone.startswith("resnet"):
        name, has_motion = backbone.removesuffix("_ms"), backbone.endswith("_ms")
        base = ResNet(name, method, num_segments, channel_ratio or 0.25, has_motion)
    else:
        network = {"bninception": BNInception, "inceptionv3": InceptionV3}[backbone]
        base = network(method, num_segments, channel_ratio or 1.0)
    is_motion_squeeze = method == "tsm" and backbone.endswith("_ms")
    return SegmentNetwork(base, num_classes, num_segments, has_kernel=is_motion_squeeze)
