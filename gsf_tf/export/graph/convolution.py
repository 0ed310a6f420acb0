"""Convolutions and linear layers whose kernels take in what stands around them."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from gsf_tf.export.graph.channel_parts import ChannelParts
from gsf_tf.export.graph.deferred import Deferred, affine, constant

# Keras' activations that work on every channel alone.
ACTIVATIONS = ("linear", "relu", "relu6", "sigmoid", "silu", "hard_silu", "tanh", "gelu", "elu")


def values(variable: object) -> np.ndarray:
    """Returns the values of a variable in float64, also while a graph is traced."""
    with tf.init_scope():
        return np.asarray(variable, np.float64)


def deferred_product(
    apply: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
    inputs: ChannelParts,
    kernel: np.ndarray,
    bias: np.ndarray | None,
    add_parts: bool,
) -> Deferred:
    """Returns a product of a map and a kernel `[..., C_in, C_out]`, not in the graph yet.

    Args:
        apply: Function of a tensor and a kernel, linear in both.
        inputs: The map that it reads.
        kernel: `[..., C_in, C_out]`.
        bias: `[C_out]`, or None.
        add_parts: Whether parts of the map are multiplied one by one. Otherwise they are joined
            first.
    """
    offset = np.zeros(kernel.shape[-1]) if bias is None else bias
    inputs = inputs.tensors() if add_parts else inputs.joined()

    def compute(channels, scale, added):
        own = kernel[..., channels] * scale
        # The largest part comes last: TensorFlow fuses the sum, bias and ReLU into its kernel.
        parts = sorted(inputs.parts, key=lambda part: len(part[0]), reverse=True)
        (rows, value), *others = parts
        y = apply(value, constant(own[..., rows, :]))
        y = affine(y, np.ones(len(channels)), offset[channels] * scale + added)
        for rows, value in others:
            y = y + apply(value, constant(own[..., rows, :]))
        return y

    return Deferred.of(compute, kernel.shape[-1], is_divisible=True)


def convolution_rule(layer, x):
    """A `Conv2D`; its padding takes in a `ZeroPadding2D` before it."""
    kernel = values(layer.kernel)
    padding = layer.padding.upper()
    if x.padding is not None and padding == "VALID":
        padding, x = _explicit(x.padding, kernel.shape, layer), ChannelParts(x.parts)
    elif x.padding is not None:
        x = x.tensors()

    def apply(value, own):
        return tf.nn.conv2d(value, own, layer.strides, padding, dilations=layer.dilation_rate)

    is_pointwise = kernel.shape[:2] == (1, 1) and padding in ("VALID", "SAME")
    bias = values(layer.bias) if layer.use_bias else None
    product = deferred_product(apply, x, kernel, bias, add_parts=is_pointwise and len(x.parts) < 4)
    return ChannelParts.of(activated(product, layer.activation))


def _explicit(padding, kernel_shape, layer):
    """Returns TensorFlow's padding for zeros around a map."""
    half = tuple((size // 2, size // 2) for size in kernel_shape[:2])
    is_plain = set(layer.strides) == set(layer.dilation_rate) == {1}
    if is_plain and padding == half and all(size % 2 for size in kernel_shape[:2]):
        return "SAME"
    return [[0, 0], *map(list, padding), [0, 0]]


def linear_rule(layer, x):
    """A `Dense` layer on vectors, or on maps `[N, H, W, C]`, where it is a 1x1 convolution."""
    kernel = values(layer.kernel)
    apply = tf.linalg.matmul
    x = x.joined()
    if x.parts[0][1].shape.rank == 4:
        kernel, apply = kernel[None, None], lambda y, own: tf.nn.conv2d(y, own, 1, "VALID")
    bias = values(layer.bias) if layer.use_bias else None
    product = deferred_product(apply, x, kernel, bias, add_parts=False)
    return ChannelParts.of(activated(product, layer.activation))


def depthwise_rule(layer, x):
    """A `DepthwiseConv2D` with one output per channel."""
    kernel = values(layer.kernel)[..., 0]
    bias = values(layer.bias) if layer.use_bias else np.zeros(kernel.shape[-1])
    strides = (1, *layer.strides, 1)

    def of_part(channels, value):
        def compute(chosen, scale, offset):
            own = constant((kernel[..., channels] * scale)[..., None])
            y = tf.nn.depthwise_conv2d(
                value, own, strides, layer.padding.upper(), dilations=layer.dilation_rate
            )
            return affine(y, np.ones(len(chosen)), bias[channels] * scale + offset)

        return activated(Deferred.of(compute, len(channels)), layer.activation)

    return x.tensors().map(of_part)


def activated(product: Deferred, activation: Callable | None) -> Deferred | tf.Tensor:
    """Returns a map after the activation of its layer."""
    name = "linear" if activation is None else getattr(activation, "__name__", "")
    if name == "linear":
        return product
    return product.then(activation) if name in ACTIVATIONS else activation(product.tensor())
