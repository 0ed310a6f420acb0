"""ResNet v1.5, which both papers use: the stride of a bottleneck is in its 3x3 convolution.

`keras.applications.ResNet50` is v1 (stride in the first 1x1, convolutions with biases).
Strided layers pad explicitly on both sides, as PyTorch does; the padding "same" of Keras would pad
the right and bottom only. Layer names follow torchvision's (`layer1_0_conv1`).
"""

import os
from collections.abc import Sequence

import keras

from gsf_tf.backbones.functional_backbone import (
    check_arguments,
    functional_backbone,
    published_weights,
)
from gsf_tf.backbones.residual_layers import convolution
from gsf_tf.layers import BatchNormalization


def ResNet(
    repeats: Sequence[int],
    width: int = 64,
    block: str = "bottleneck",
    include_top: bool = True,
    weights: str | os.PathLike | None = None,
    input_shape: tuple[int | None, int | None, int] | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    name: str = "resnet",
) -> keras.Model:
    """Builds a ResNet v1.5.

    Args:
        repeats: Number of blocks of each stage, such as `(3, 4, 6, 3)` for ResNet-50.
        width: Channels after the stem, at least 1. The blocks of stage i = 0, 1, ... have
            `width * 2**i` planes.
        block: `"bottleneck"` (1x1, 3x3, and 1x1 to four times the planes) or `"basic"` (two 3x3).
        include_top: Whether the network ends in the spatial mean and the linear layer `fc`, whose
            outputs are logits.
        weights: None for random weights, or the path of a file: torchvision's `.pth`, or one that
            Keras saved from the same network. `ResNet18` to `ResNet101` also have `"imagenet"`, for
            torchvision's files, which are downloaded once.
        input_shape: `(height, width, 3)` in pixels; by default `(None, None, 3)`, any size.
        pooling: Only with `include_top=False`: None to return the last feature map, `"avg"` or
            `"max"` to return its spatial mean or maximum.
        classes: Number of outputs of the linear layer, at least 1.
        name: Name of the model.

    Returns:
        A functional `keras.Model` whose input is normalized RGB, (x / 255 - mean) / std
        with the ImageNet mean and standard deviation.

    Raises:
        ValueError: If `weights` is `"imagenet"` and no source has weights of this network, if
            `block` or `pooling` is unknown, or `pooling` is used with the top.
        CheckpointError: If the file does not hold weights of this network.

    Reference:
        He et al., Deep Residual Learning, CVPR 2016, Table 1; the v1.5 stride as in
        torchvision.
    """
    check_arguments(name, include_top, weights, pooling)
    if block not in ("bottleneck", "basic"):
        raise ValueError(f"`block` must be 'bottleneck' or 'basic'. Received: block={block!r}")
    inputs = keras.Input(input_shape or (None, None, 3))
    x = convolution(inputs, width, 7, 2, "conv1")
    x = BatchNormalization(name="bn1")(x)
    x = keras.layers.ReLU(name="relu")(x)
    # The map comes from a ReLU, so its maximum is never one of the zeros around it.
    x = keras.layers.ZeroPadding2D(1, name="maxpool_pad")(x)
    x = keras.layers.MaxPooling2D(3, strides=2, name="maxpool")(x)
    for stage, blocks in enumerate(repeats):
        planes = width * 2**stage
        for index in range(blocks):
            strides = 2 if stage > 0 and index == 0 else 1
            if block == "bottleneck":
                convolutions = [(planes, 1, 1), (planes, 3, strides), (4 * planes, 1, 1)]
            else:
                convolutions = [(planes, 3, strides), (planes, 3, 1)]
            x = _residual_block(x, convolutions, strides, f"layer{stage + 1}_{index}")
    return functional_backbone(inputs, x, include_top, weights, pooling, classes, name)


def ResNet18(
    include_top: bool = True,
    weights: str | os.PathLike | None = None,
    input_shape: tuple[int | None, int | None, int] | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    name: str = "resnet18",
) -> keras.Model:
    """Builds ResNet-18, with basic blocks. The arguments are those of `ResNet`."""
    weights = published_weights(weights, "resnet18")
    return ResNet(
        (2, 2, 2, 2), 64, "basic", include_top, weights, input_shape, pooling, classes, name
    )


def ResNet34(
    include_top: bool = True,
    weights: str | os.PathLike | None = None,
    input_shape: tuple[int | None, int | None, int] | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    name: str = "resnet34",
) -> keras.Model:
    """Builds ResNet-34, with basic blocks. The arguments are those of `ResNet`."""
    weights = published_weights(weights, "resnet34")
    return ResNet(
        (3, 4, 6, 3), 64, "basic", include_top, weights, input_shape, pooling, classes, name
    )


def ResNet50(
    include_top: bool = True,
    weights: str | os.PathLike | None = None,
    input_shape: tuple[int | None, int | None, int] | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    name: str = "resnet50",
) -> keras.Model:
    """Builds ResNet-50 v1.5, with bottlenecks. The arguments are those of `ResNet`."""
    weights = published_weights(weights, "resnet50")
    return ResNet(
        (3, 4, 6, 3), 64, "bottleneck", include_top, weights, input_shape, pooling, classes, name
    )


def ResNet101(
    include_top: bool = True,
    weights: str | os.PathLike | None = None,
    input_shape: tuple[int | None, int | None, int] | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    name: str = "resnet101",
) -> keras.Model:
    """Builds ResNet-101 v1.5, with bottlenecks. The arguments are those of `ResNet`."""
    weights = published_weights(weights, "resnet101")
    return ResNet(
        (3, 4, 23, 3), 64, "bottleneck", include_top, weights, input_shape, pooling, classes, name
    )


def _residual_block(x, convolutions, strides, name):
    """`ReLU(branch(x) + shortcut(x))`; `convolutions` are (filters, kernel size, strides)."""
    y = x
    for index, (filters, kernel_size, step) in enumerate(convolutions, start=1):
        y = convolution(y, filters, kernel_size, step, f"{name}_conv{index}")
        y = BatchNormalization(name=f"{name}_bn{index}")(y)
        if index < len(convolutions):
            y = keras.layers.ReLU(name=f"{name}_relu{index}")(y)
    if strides != 1 or x.shape[-1] != y.shape[-1]:
        x = convolution(x, y.shape[-1], 1, strides, f"{name}_downsample_0")
        x = BatchNormalization(name=f"{name}_downsample_1")(x)
    y = keras.layers.Add(name=f"{name}_add")([x, y])
    return keras.layers.ReLU(name=f"{name}_out")(y)
