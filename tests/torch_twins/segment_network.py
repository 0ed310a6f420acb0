"""The whole network: a backbone with temporal modules, a linear layer per frame, the mean."""

from torch import nn

from tests.torch_twins.bn_inception import BNInception
from tests.torch_twins.inception_v3 import InceptionV3
from tests.torch_twins.resnet import ResNet


class SegmentNetwork(nn.Module):
    """Normalized frames `[B * T, 3, H, W]` to logits `[B, num_classes]`."""

    def __init__(self, base_model, num_classes, num_segments):
        super().__init__()
        self.base_model = base_model
        self.num_segments = num_segments
        self.new_fc = nn.Linear(base_model.out_channels, num_classes)

    def forward(self, frames):
        per_frame = self.new_fc(self.base_model(frames).mean((2, 3)))
        return per_frame.unflatten(0, (-1, self.num_segments)).mean(1)


def make_twin(method, backbone, num_classes, num_segments, channel_ratio=None):
    """Returns the PyTorch twin of the preset `<method>_<backbone>`.

    Args:
        method: `"tsn"`, `"tsm"`, `"gsm"` or `"gsf"`.
        backbone: `"bninception"`, `"inceptionv3"`, `"resnet50"`, `"resnet101"` or
            `"resnet14thin"`; TSN and TSM also `"resnet18"` and `"resnet34"`.
        num_classes: Outputs of the linear layer.
        num_segments: Frames per clip.
        channel_ratio: Share of the channels for GSF and GSM; by default 0.25 in ResNets and 1
            in the Inception family.

    Returns:
        An `nn.Module` on normalized frames `[B * num_segments, 3, H, W]`: standard normal ones
        are typical for ResNets, and `base_model.input_scale` times that for the Inception family.
    """
    if backbone.startswith("resnet"):
        base = ResNet(backbone, method, num_segments, channel_ratio or 0.25)
    else:
        network = {"bninception": BNInception, "inceptionv3": InceptionV3}[backbone]
        base = network(method, num_segments, channel_ratio or 1.0)
    return SegmentNetwork(base, num_classes, num_segments)
