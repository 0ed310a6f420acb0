"""The weights of a preset: those of its 2D network, or of the whole model."""

import keras

from gsf_tf.models.backbone_fill import BackboneFill
from gsf_tf.models.load_backbone_file import holds_segment_model, load_backbone_file
from gsf_tf.models.pretrained import build_with_imagenet
from gsf_tf.models.recipes import BACKBONES

KERAS_FORMATS = (".keras", ".weights.h5")
TORCH_FORMATS = (".pth", ".pth.tar", ".pt")
BN_MOMENTUM = 0.9  # PyTorch's 0.1, with which the papers' models were trained


def build_backbone(name, input_shape, weights):
    """Builds the 2D network of a preset.

    Args:
        name: Key of `BACKBONES`.
        input_shape: `(height, width, 3)` in pixels.
        weights: As in `from_preset`.

    Returns:
        The network, and a `BackboneFill`, which is None if the network has no weights yet.
    """
    build, fill = BACKBONES[name].build, None
    if weights == "imagenet":
        backbone = build_with_imagenet(name, input_shape)
    elif str(weights).endswith(TORCH_FORMATS):
        backbone = build(input_shape=input_shape, weights=weights)
    else:
        backbone = build(input_shape=input_shape, weights=None)
        if weights is not None and _is_backbone_file(weights):
            fill = load_backbone_file(backbone, weights)
    if weights == "imagenet" or str(weights).endswith(TORCH_FORMATS):
        weighted = tuple(layer.name for layer in backbone.layers if layer.weights)
        fill = BackboneFill(str(weights), weighted)
    for layer in backbone.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            # Keras' MobileNetV2 has 0.999: its statistics would settle after thousands of steps.
            layer.momentum = BN_MOMENTUM
    return backbone, fill


def with_weights(model, weights):
    """Returns a model with the weights in a file of Keras, of itself or of its backbone.

    Args:
        model: `SegmentModel`.
        weights: Path of the file, or None for the weights that the model has.

    Raises:
        ValueError: If the file is none of Keras.
    """
    if weights is None:
        return model
    if not str(weights).endswith(KERAS_FORMATS):
        raise ValueError(
            f"`weights` of {model.name!r} must be None or the path of a "
            f"{' or '.join(KERAS_FORMATS)} file. Received: weights={str(weights)!r}. For a PyTorch "
            "checkpoint of the whole model, use gsf_tf.weights.load_torch_checkpoint."
        )
    if _is_backbone_file(weights):
        print(load_backbone_file(model.backbone, weights))
    else:
        model.load_weights(weights)
    return model


def _is_backbone_file(weights):
    """Returns whether a file of Keras holds a backbone, and not the whole of a `SegmentModel`."""
    return str(weights).endswith(KERAS_FORMATS) and not holds_segment_model(weights)
