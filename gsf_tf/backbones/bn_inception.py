import os

import keras

from gsf_tf.backbones.functional_backbone import (
    check_arguments,
    functional_backbone,
    published_weights,
)
from gsf_tf.backbones.inception_layers import convolution_unit, halving_max_pool, pooling_branch

# Channels of the branches: 1x1; 3x3 (reduction, output); double 3x3 (reduction, both outputs);
# projection after the pooling, and the kind of pooling.
BLOCKS = {
    "3a": (64, (64, 64), (64, 96), (32, "average")),
    "3b": (64, (64, 96), (64, 96), (64, "average")),
    "3c": (None, (128, 160), (64, 96), None),
    "4a": (224, (64, 96), (96, 128), (128, "average")),
    "4b": (192, (96, 128), (96, 128), (128, "average")),
    "4c": (160, (128, 160), (128, 160), (128, "average")),
    "4d": (96, (128, 192), (160, 192), (128, "average")),
    "4e": (None, (128, 192), (192, 256), None),
    "5a": (352, (192, 320), (160, 224), (128, "average")),
    "5b": (352, (192, 320), (192, 224), (128, "max")),
}


def BNInception(
    include_top: bool = True,
    weights: str | os.PathLike | None = None,
    input_shape: tuple[int | None, int | None, int] | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    name: str = "bninception",
) -> keras.Model:
    """Builds BN-Inception (Inception v2) in the version that was converted from Caffe.

    Layer names are those of the released checkpoints (`inception_3a_1x1`,
    `inception_3a_1x1_bn`). The blocks 3c and 4e halve the map and have no 1x1 branch.

    Args:
        include_top: Whether the network ends in the spatial mean and the linear layer `fc`, whose
            outputs are logits.
        weights: None for random weights, `"imagenet"` for the published ones, which are downloaded
            once, or the path of a file: a BN-Inception `.pth`, or one that Keras saved from the
            same network.
        input_shape: `(height, width, 3)` in pixels; by default `(None, None, 3)`. The size must
            leave even maps before 3c and 4e, as all multiples of 32 do; the papers use 224.
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
        Ioffe and Szegedy, Batch Normalization, ICML 2015, figure 5; Wang et al., Temporal Segment
        Networks, ECCV 2016; GSF paper, Tables 1, 2 and 6.
    """
    check_arguments(name, include_top, weights, pooling)
    inputs = keras.Input(input_shape or (None, None, 3))
    x = _stem_unit(inputs, 64, 7, 2, "conv1", "7x7", "_s2")
    x = halving_max_pool(x, "pool1_3x3_s2")
    x = _stem_unit(x, 64, 1, 1, "conv2", "3x3_reduce")
    x = _stem_unit(x, 192, 3, 1, "conv2", "3x3")
    x = halving_max_pool(x, "pool2_3x3_s2")
    for block, branches in BLOCKS.items():
        x = _inception(x, f"inception_{block}", *branches)
    weights = published_weights(weights, "bninception")
    return functional_backbone(inputs, x, include_top, weights, pooling, classes, name)


def _inception(x, block, single, triple, double, pool):
    strides = 2 if single is None else 1
    if strides == 2:
        _check_even(x, block)
    outputs = []
    if single is not None:
        outputs.append(_unit(x, single, 1, 1, block, "1x1"))

    y = _unit(x, triple[0], 1, 1, block, "3x3_reduce")
    outputs.append(_unit(y, triple[1], 3, strides, block, "3x3"))

    y = _unit(x, double[0], 1, 1, block, "double_3x3_reduce")
    y = _unit(y, double[1], 3, 1, block, "double_3x3_1")
    outputs.append(_unit(y, double[1], 3, strides, block, "double_3x3_2"))

    if pool is None:
        outputs.append(halving_max_pool(x, f"{block}_pool"))
    else:
        projection, kind = pool
        y = pooling_branch(x, kind, f"{block}_pool")
        outputs.append(_unit(y, projection, 1, 1, block, "pool_proj"))
    return keras.layers.Concatenate(name=f"{block}_output")(outputs)


def _unit(x, filters, kernel_size, strides, block, branch):
    names = (f"{block}_{branch}", f"{block}_{branch}_bn", f"{block}_relu_{branch}")
    return convolution_unit(x, filters, kernel_size, strides, "same", names)


def _stem_unit(x, filters, kernel_size, strides, block, branch, suffix=""):
    convolution = f"{block}_{branch}{suffix}"
    names = (convolution, f"{convolution}_bn", f"{block}_relu_{branch}")
    return convolution_unit(x, filters, kernel_size, strides, "same", names)


def _check_even(x, block):
    if any(size is not None and size % 2 for size in x.shape[1:3]):
        raise ValueError(
            f"The map before {block} must have an even height and width, because its pooling and "
            "its convolutions halve odd sizes differently. "
            f"Received: (height, width)={tuple(x.shape[1:3])}. Use a frame size that is a multiple "
            "of 32, such as 224."
        )
