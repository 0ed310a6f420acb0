"""The papers' 2D backbones, as Keras functional models in `keras.applications` style."""

from gsf_tf.backbones.resnet import ResNet, ResNet50

__all__ = ["ResNet", "ResNet50"]
