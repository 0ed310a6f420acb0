"""The convolution of ResNet and RubiksNet, without bias and padded as PyTorch pads."""

import keras


def convolution(x, filters, kernel_size, strides, name, layer=keras.layers.Conv2D):
    """Applies a convolution without bias; the size of its output is ceil(size / strides).

    Args:
        x: Symbolic feature maps.
        filters: Output channels.
        kernel_size: Odd integer.
        strides: 1 or 2.
        name: Name of the layer; that of the padding is `<name>_pad`.
        layer: Class of the layer: that of Keras, or `gsf_tf.layers.conv_2d.Conv2D`.

    Returns:
        Symbolic feature maps.
    """
    if kernel_size > 1:
        # With strides of 2, the padding "same" of Keras would pad the right and bottom only.
        x = keras.layers.ZeroPadding2D(kernel_size // 2, name=f"{name}_pad")(x)
    return layer(
        filters,
        kernel_size,
        strides=strides,
        use_bias=False,
        kernel_initializer=keras.initializers.VarianceScaling(2, "fan_out", "untruncated_normal"),
        name=name,
    )(x)
