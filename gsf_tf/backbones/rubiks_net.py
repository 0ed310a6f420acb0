"""RubiksNet: 1x1 convolutions and learnable shifts in pre-activation residual blocks.

Layer names follow the authors' checkpoints (`layer1_0_conv2`). Channels are 1, 1, 2, 4 and 8 times
the width in stages 0 to 4; stage 0 has one block at stride 1, the others begin with stride 2.
"""

import os
from collections.abc import Sequence

import keras
from keras.initializers import Initializer

from gsf_tf.backbones.functional_backbone import check_arguments, functional_backbone
from gsf_tf.backbones.residual_layers import convolution
from gsf_tf.layers import AttentionShift, BatchNormalization, RubiksShift2D, RubiksShift3D
from gsf_tf.layers.add import Add
from gsf_tf.layers.arguments import check_learning
from gsf_tf.layers.conv_2d import Conv2D
from gsf_tf.weights.rubiksnet_tiers import REDUCTION

VARIANTS = ("interpolated", "quantized", "attention")


def RubiksNet(
    repeats: Sequence[int],
    width: int = 72,
    num_segments: int | None = None,
    variant: str = "interpolated",
    spatial: str = "learned",
    temporal: str = "learned",
    spatial_initializer: Initializer | None = None,
    temporal_initializer: Initializer | None = None,
    causal: bool = False,
    squeeze_excitation: bool = False,
    include_top: bool = True,
    weights: str | os.PathLike | None = None,
    input_shape: tuple[int | None, int | None, int] | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    name: str = "rubiksnet",
) -> keras.Model:
    """Builds a RubiksNet, for the frames of clips or for images.

    Args:
        repeats: Number of blocks of stages 1, 2, ..., such as `(3, 4, 6, 3)`.
        width: Channels of the stem, at least 1.
        num_segments: Frames per clip, T, of a network for frames `[B * T, H, W, 3]`; None for an
            image network with `RubiksShift2D`, which `gsf_tf.models.inflate` turns into a video
            model.
        variant: `"interpolated"` (RS), `"quantized"` (RS-Q), or `"attention"` (RS-AQ: an
            `AttentionShift` before the first 1x1 of a block, and interpolated spatial shifts).
        spatial: `"learned"` or `"fixed"` spatial shifts (Table 4).
        temporal: `"learned"` or `"fixed"` temporal shifts (Table 4).
        spatial_initializer: Initializer of the spatial shifts `[2, C]`; see `RubiksShift3D`.
        temporal_initializer: Initializer of the temporal shifts `[1, C]`; see `RubiksShift3D`.
        causal: Whether no frame reads a later one; see `RubiksShift3D` and `AttentionShift`.
        squeeze_excitation: Whether blocks have a squeeze-and-excitation module after the shift.
        include_top: Whether the network ends in the spatial mean and the linear layer `fc`, whose
            outputs are logits.
        weights: None for random weights, or the path of a file that Keras saved from the same
            network.
        input_shape: `(height, width, 3)` in pixels; by default `(None, None, 3)`, any size.
        pooling: Only with `include_top=False`: None to return the last feature map, `"avg"` or
            `"max"` to return its spatial mean or maximum.
        classes: Number of outputs of the linear layer, at least 1.
        name: Name of the model.

    Returns:
        A functional `keras.Model` whose input is normalized RGB, (x / 255 - mean) / std
        with the ImageNet mean and standard deviation.

    Raises:
        ValueError: If `variant`, `spatial`, `temporal` or `pooling` is unknown, `pooling` is used
            with the top, or `temporal` is `"fixed"` with attention.

    Reference:
        RubiksNet paper, section 3.2; the sizes and the blocks are those of the authors' code.
    """
    check_arguments(name, include_top, weights, pooling)
    if variant not in VARIANTS:
        raise ValueError(
            f"`variant` must be one of {', '.join(VARIANTS)}. Received: variant={variant!r}"
        )
    check_learning("spatial", spatial)
    check_learning("temporal", temporal)
    if variant == "attention" and temporal == "fixed":
        raise ValueError(
            "`temporal` must be 'learned' with attention, which learns temporal shifts. "
            "Received: variant='attention', temporal='fixed'. Fixed shifts belong to "
            "variant='interpolated' and variant='quantized'."
        )

    def attend(x, name):
        if variant != "attention" or num_segments is None:
            return x
        return AttentionShift(num_segments, causal=causal, name=f"{name}_attention")(x)

    def shift(x, strides, name):
        mode = "quantized" if variant == "quantized" else "interpolated"
        if variant == "attention" or num_segments is None:
            return RubiksShift2D(strides, mode, spatial, spatial_initializer, name=name)(x)
        return RubiksShift3D(
            num_segments,
            strides,
            mode,
            spatial,
            temporal,
            spatial_initializer,
            temporal_initializer,
            causal,
            name=name,
        )(x)

    inputs = keras.Input(input_shape or (None, None, 3))
    x = convolution(inputs, width, 3, 2, "conv1")
    for stage, blocks in enumerate((1, *repeats)):
        filters = width * 2 ** max(stage - 1, 0)
        for index in range(blocks):
            strides = 2 if stage > 0 and index == 0 else 1
            block = f"layer{stage}_{index}"
            x = _block(x, filters, strides, attend, shift, squeeze_excitation, block)
    x = BatchNormalization(activation="relu", name="bn_last")(x)
    return functional_backbone(inputs, x, include_top, weights, pooling, classes, name)


def _block(x, filters, strides, attend, shift, squeeze_excitation, name):
    """`x + conv3(shift(ReLU(bn2(conv2(ReLU(bn1(x)))))))`."""
    y = BatchNormalization(activation="relu", name=f"{name}_bn1")(x)
    if strides != 1 or x.shape[-1] != filters:
        x = convolution(y, filters, 1, strides, f"{name}_shortcut")
    y = attend(y, f"{name}_conv2")
    y = convolution(y, filters, 1, 1, f"{name}_conv2")
    y = BatchNormalization(name=f"{name}_bn2")(y)
    y = keras.layers.ReLU(name=f"{name}_relu2")(y)
    y = shift(y, strides, f"{name}_as3")
    if squeeze_excitation:
        y = _squeeze_excitation(y, f"{name}_se")
    y = convolution(y, filters, 1, 1, f"{name}_conv3", Conv2D)
    return Add(name=f"{name}_add")([x, y])


def _squeeze_excitation(x, name):
    channels = x.shape[-1]
    y = keras.layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_pool")(x)
    y = keras.layers.Dense(
        channels // REDUCTION, activation="relu", use_bias=False, name=f"{name}_fc1"
    )(y)
    y = keras.layers.Dense(channels, activation="sigmoid", use_bias=False, name=f"{name}_fc2")(y)
    return keras.layers.Multiply(name=f"{name}_scale")([x, y])
