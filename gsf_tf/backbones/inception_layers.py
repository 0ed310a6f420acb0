"""The layers of BN-Inception and InceptionV3, which were converted from Caffe.

Convolutions have biases although a normalization follows, every normalization has a scale, max
pooling with stride 2 covers the last row and column ("ceil mode"), and average pooling counts the
zeros around the map.
"""

import keras

from gsf_tf.layers import BatchNormalization


def convolution_unit(x, filters, kernel_size, strides, padding, names):
    """Applies a convolution with bias, batch normalization and ReLU.

    Args:
        x: Symbolic feature maps.
        filters: Output channels.
        kernel_size: Odd integer, or a pair of them for height and width.
        strides: 1 or 2.
        padding: `"same"` for half a kernel of zeros on every side, or `"valid"`.
        names: Names of the convolution, the normalization and the ReLU.

    Returns:
        Symbolic feature maps.
    """
    convolution, normalization, activation = names
    if padding == "same" and strides > 1:
        # The padding "same" of Keras would add the odd row and column at the right and bottom.
        x = keras.layers.ZeroPadding2D(kernel_size // 2, name=f"{convolution}_pad")(x)
        padding = "valid"
    x = keras.layers.Conv2D(
        filters,
        kernel_size,
        strides=strides,
        padding=padding,
        kernel_initializer="he_normal",
        name=convolution,
    )(x)
    x = BatchNormalization(name=normalization)(x)
    return keras.layers.ReLU(name=activation)(x)


def halving_max_pool(x, name):
    """Applies a 3x3 maximum with stride 2 in ceil mode, padded at the right and bottom only.

    All maps that are pooled come from a ReLU, so the maximum is never one of the added zeros. If
    the size is odd, the added row and column are not read.
    """
    x = keras.layers.ZeroPadding2D(((0, 1), (0, 1)), name=f"{name}_pad")(x)
    return keras.layers.MaxPooling2D(3, strides=2, name=name)(x)


def pooling_branch(x, kind, name):
    """Applies 3x3 pooling that keeps the size: `"max"`, or `"average"`, which counts zeros."""
    if kind == "max":
        return keras.layers.MaxPooling2D(3, strides=1, padding="same", name=name)(x)
    x = keras.layers.ZeroPadding2D(1, name=f"{name}_pad")(x)
    return keras.layers.AveragePooling2D(3, strides=1, name=name)(x)
