"""ResNet v1.5, the one the papers used: the stride of a bottleneck is in its 3x3.

`keras.applications.ResNet50` is v1 (stride in the first 1x1, biased convolutions).
Strided layers pad explicitly on both sides, as PyTorch does; "same" would pad right
and bottom only. Layer names follow torchvision's (`layer1_0_conv1`).
"""

import keras

BN_EPSILON = 1e-5
BN_MOMENTUM = 0.9  # PyTorch's 0.1


def _conv(x, filters, kernel_size, strides, name):
    if kernel_size > 1:
        x = keras.layers.ZeroPadding2D(kernel_size // 2, name=f"{name}_pad")(x)
    return keras.layers.Conv2D(
        filters,
        kernel_size,
        strides=strides,
        use_bias=False,
        kernel_initializer=keras.initializers.VarianceScaling(2, "fan_out", "untruncated_normal"),
        name=name,
    )(x)


def _batch_normalization(x, name):
    return keras.layers.BatchNormalization(momentum=BN_MOMENTUM, epsilon=BN_EPSILON, name=name)(x)


def _bottleneck(x, planes, strides, name):
    """1x1, 3x3 (strided), 1x1 to 4 x planes, and the shortcut."""
    y = x
    for index, (filters, kernel_size, step) in enumerate(
        [(planes, 1, 1), (planes, 3, strides), (4 * planes, 1, 1)], start=1
    ):
        y = _conv(y, filters, kernel_size, step, f"{name}_conv{index}")
        y = _batch_normalization(y, f"{name}_bn{index}")
        if index < 3:
            y = keras.layers.ReLU(name=f"{name}_relu{index}")(y)
    if strides != 1 or x.shape[-1] != 4 * planes:
        x = _conv(x, 4 * planes, 1, strides, f"{name}_downsample_0")
        x = _batch_normalization(x, f"{name}_downsample_1")
    y = keras.layers.Add(name=f"{name}_add")([x, y])
    return keras.layers.ReLU(name=f"{name}_out")(y)


def ResNet(repeats, width=64, input_shape=(224, 224, 3), pooling=None, name="resnet"):
    """Builds a ResNet v1.5 of bottleneck blocks, without a classifier.

    Args:
        repeats: Blocks of each stage, such as `(3, 4, 6, 3)` for ResNet-50.
        width: Channels after the stem; stage i has `4 * width * 2**i` at its end.
        input_shape: `(height, width, 3)`; height and width may be None.
        pooling: None for the last feature map, `"avg"` for its spatial mean.
        name: Name of the model.

    Returns:
        A functional `keras.Model` whose input is normalised RGB, (x / 255 - mean) / std
        with the ImageNet mean and standard deviation.

    Raises:
        ValueError: If `pooling` is neither None nor `"avg"`.

    Reference:
        He et al., Deep Residual Learning, CVPR 2016, Table 1; the v1.5 stride as in
        torchvision.
    """
    if pooling not in (None, "avg"):
        raise ValueError(f"`pooling` must be None or 'avg'. Received: pooling={pooling!r}")
    inputs = keras.Input(input_shape)
    x = _conv(inputs, width, 7, 2, "conv1")
    x = _batch_normalization(x, "bn1")
    x = keras.layers.ReLU(name="relu")(x)
    # After a ReLU, zeros around the map cannot win a maximum over its own values.
    x = keras.layers.ZeroPadding2D(1, name="maxpool_pad")(x)
    x = keras.layers.MaxPooling2D(3, strides=2, name="maxpool")(x)
    for stage, blocks in enumerate(repeats):
        for block in range(blocks):
            strides = 2 if stage > 0 and block == 0 else 1
            x = _bottleneck(x, width * 2**stage, strides, f"layer{stage + 1}_{block}")
    if pooling == "avg":
        x = keras.layers.GlobalAveragePooling2D(name="avgpool")(x)
    return keras.Model(inputs, x, name=name)


def ResNet50(input_shape=(224, 224, 3), pooling=None, name="resnet50"):
    """Builds ResNet-50 v1.5 without a classifier; arguments as in `ResNet`."""
    return ResNet((3, 4, 6, 3), 64, input_shape, pooling, name)
