import os

import keras

from gsf_tf.backbones.functional_backbone import (
    check_arguments,
    functional_backbone,
    published_weights,
)
from gsf_tf.backbones.inception_layers import convolution_unit, halving_max_pool, pooling_branch

COLUMN_7, ROW_7 = (7, 1), (1, 7)
COLUMN_3, ROW_3 = (3, 1), (1, 3)


def InceptionV3(
    include_top: bool = True,
    weights: str | os.PathLike | None = None,
    input_shape: tuple[int | None, int | None, int] | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    name: str = "inceptionv3",
) -> keras.Model:
    """Builds InceptionV3 in the version that was converted from Caffe.

    It differs from `keras.applications.InceptionV3`, which has neither biases in the convolutions
    nor scales in the normalizations, and pads its poolings differently. Layer names are those of
    the released checkpoints (`mixed_conv_Conv2D`, `mixed_conv_batchnorm`).

    Args:
        include_top: Whether the network ends in the spatial mean and the linear layer `fc`, whose
            outputs are logits.
        weights: None for random weights, `"imagenet"` for the published ones, which are downloaded
            once, or the path of a file: a `.pth` with this network's weights, or one that Keras
            saved from the same network.
        input_shape: `(height, width, 3)` in pixels; by default `(None, None, 3)`. The size must
            leave odd maps before mixed_3 and mixed_8, as 229 (the papers'), 261 and 299 do.
        pooling: Only with `include_top=False`: None to return the last feature map, `"avg"` or
            `"max"` to return its spatial mean or maximum.
        classes: Number of outputs of the linear layer, at least 1.
        name: Name of the model.

    Returns:
        A functional `keras.Model` whose input is BGR in 0..255 minus (104, 117, 128).

    Raises:
        ValueError: If `pooling` is unknown or used with the top, or if the size of the frames does
            not fit.
        UserError: If the published file cannot be had.
        CheckpointError: If the file does not hold weights of this network.

    Reference:
        Szegedy et al., Rethinking the Inception Architecture, CVPR 2016, Table 1; Sudhakaran et
        al., Gate-Shift Networks, CVPR 2020; GSF paper, Table 8.
    """
    check_arguments(name, include_top, weights, pooling)
    inputs = keras.Input(input_shape or (None, None, 3))
    x = _unit(inputs, "conv", 32, 3, strides=2, padding="valid")
    x = _unit(x, "conv_1", 32, 3, padding="valid")
    x = _unit(x, "conv_2", 64, 3)
    x = halving_max_pool(x, "pool")
    x = _unit(x, "conv_3", 80, 1)
    x = _unit(x, "conv_4", 192, 3, padding="valid")
    x = halving_max_pool(x, "pool_1")

    x = _mixed_5x5(x, "mixed", projection=32)
    x = _mixed_5x5(x, "mixed_1", projection=64)
    x = _mixed_5x5(x, "mixed_2", projection=64)
    x = _mixed_3(x)
    x = _mixed_7x7(x, "mixed_4", width=128)
    x = _mixed_7x7(x, "mixed_5", width=160)
    x = _mixed_7x7(x, "mixed_6", width=160)
    x = _mixed_7x7(x, "mixed_7", width=192)
    x = _mixed_8(x)
    x = _mixed_wide(x, "mixed_9", pool="average")
    x = _mixed_wide(x, "mixed_10", pool="max")
    weights = published_weights(weights, "inceptionv3")
    return functional_backbone(inputs, x, include_top, weights, pooling, classes, name)


def _mixed_5x5(x, block, projection):
    pooled = pooling_branch(x, "average", f"{block}_tower_2_pool")
    return _join(
        block,
        _tower(x, block, (64, 1)),
        _tower(x, f"{block}_tower", (48, 1), (64, 5)),
        _tower(x, f"{block}_tower_1", (64, 1), (96, 3), (96, 3)),
        _tower(pooled, f"{block}_tower_2", (projection, 1)),
    )


def _mixed_3(x):
    _check_odd(x, "mixed_3")
    tower = _tower(x, "mixed_3_tower", (64, 1), (96, 3))
    return _join(
        "mixed_3",
        _unit(x, "mixed_3_conv", 384, 3, strides=2, padding="valid"),
        _unit(tower, "mixed_3_tower_conv_2", 96, 3, strides=2, padding="valid"),
        halving_max_pool(x, "mixed_3_pool"),
    )


def _mixed_7x7(x, block, width):
    column, row = (width, COLUMN_7), (width, ROW_7)
    pooled = pooling_branch(x, "average", f"{block}_tower_2_pool")
    return _join(
        block,
        _tower(x, block, (192, 1)),
        _tower(x, f"{block}_tower", (width, 1), column, (192, ROW_7)),
        _tower(x, f"{block}_tower_1", (width, 1), row, column, row, (192, COLUMN_7)),
        _tower(pooled, f"{block}_tower_2", (192, 1)),
    )


def _mixed_8(x):
    _check_odd(x, "mixed_8")
    tower = _tower(x, "mixed_8_tower", (192, 1))
    tower_1 = _tower(x, "mixed_8_tower_1", (192, 1), (192, COLUMN_7), (192, ROW_7))
    return _join(
        "mixed_8",
        _unit(tower, "mixed_8_tower_conv_1", 320, 3, strides=2, padding="valid"),
        _unit(tower_1, "mixed_8_tower_1_conv_3", 192, 3, strides=2, padding="valid"),
        halving_max_pool(x, "mixed_8_pool"),
    )


def _mixed_wide(x, block, pool):
    tower = _tower(x, f"{block}_tower", (384, 1))
    tower_1 = _tower(x, f"{block}_tower_1", (448, 1), (384, 3))
    pooled = pooling_branch(x, pool, f"{block}_tower_2_pool")
    return _join(
        block,
        _tower(x, block, (320, 1)),
        _unit(tower, f"{block}_tower_mixed_conv", 384, COLUMN_3),
        _unit(tower, f"{block}_tower_mixed_conv_1", 384, ROW_3),
        _unit(tower_1, f"{block}_tower_1_mixed_conv", 384, COLUMN_3),
        _unit(tower_1, f"{block}_tower_1_mixed_conv_1", 384, ROW_3),
        _tower(pooled, f"{block}_tower_2", (192, 1)),
    )


def _tower(x, name, *convolutions):
    """A chain of convolutions (channels, kernel size): `<name>_conv`, `<name>_conv_1`, ..."""
    for index, (filters, kernel_size) in enumerate(convolutions):
        x = _unit(x, f"{name}_conv_{index}" if index else f"{name}_conv", filters, kernel_size)
    return x


def _unit(x, name, filters, kernel_size, strides=1, padding="same"):
    names = (f"{name}_Conv2D", f"{name}_batchnorm", name)
    return convolution_unit(x, filters, kernel_size, strides, padding, names)


def _join(block, *branches):
    return keras.layers.Concatenate(name=f"{block}_join")(branches)


def _check_odd(x, block):
    if any(size is not None and size % 2 == 0 for size in x.shape[1:3]):
        raise ValueError(
            f"The map before {block} must have an odd height and width, because its pooling and "
            "its convolutions halve even sizes differently. "
            f"Received: (height, width)={tuple(x.shape[1:3])}. Use a frame size such as 229, 261 "
            "or 299."
        )
