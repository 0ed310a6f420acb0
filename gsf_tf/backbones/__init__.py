"""The papers' 2D backbones, and EfficientNet-Lite0, in the style of `keras.applications`."""

from gsf_tf.backbones.bn_inception import BNInception
from gsf_tf.backbones.efficientnet_lite import EfficientNetLite0
from gsf_tf.backbones.inception_v3 import InceptionV3
from gsf_tf.backbones.resnet import ResNet, ResNet18, ResNet34, ResNet50, ResNet101
from gsf_tf.backbones.rubiks_net import RubiksNet

__all__ = [
    "BNInception",
    "EfficientNetLite0",
    "InceptionV3",
    "ResNet",
    "ResNet18",
    "ResNet34",
    "ResNet50",
    "ResNet101",
    "RubiksNet",
]
