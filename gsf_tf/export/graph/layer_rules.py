"""The layers that have a form of their own in the graph of an export.

A rule is a function of the layer and of the `ChannelParts` that it reads, and returns
`ChannelParts`. It holds for the class itself and not for classes derived from it, whose `call` may
differ. A layer without a rule is called as it is.
"""

import keras
import numpy as np
import tensorflow as tf

from gsf_tf import layers
from gsf_tf.export.graph import shift_rules
from gsf_tf.export.graph.channel_parts import ChannelParts, aligned
from gsf_tf.export.graph.convolution import (
    ACTIVATIONS,
    convolution_rule,
    depthwise_rule,
    linear_rule,
)
from gsf_tf.export.graph.deferred import Deferred, affine
from gsf_tf.export.graph.gate_rule import gate_rule, normalization_values
from gsf_tf.layers.add import Add
from gsf_tf.layers.conv_2d import Conv2D


def rule_of(layer, shapes):
    """Returns the rule of a layer for its inputs, or None.

    Args:
        layer: `keras.Layer`.
        shapes: The shapes of its inputs.
    """
    kind = type(layer)
    if kind in (keras.layers.Conv2D, Conv2D) and layer.groups > 1:
        return None
    if kind is keras.layers.DepthwiseConv2D and layer.depth_multiplier > 1:
        return None
    if isinstance(layer, keras.layers.BatchNormalization) and layer.axis not in (-1, 3):
        return None
    if kind is keras.layers.DepthwiseConv2D and not _is_channelwise(layer):
        return None
    if isinstance(layer, keras.layers.Concatenate) and layer.axis not in (-1, 3):
        return None
    if kind is keras.layers.Activation and not _is_channelwise(layer):
        return None
    if kind in SPATIAL_RULES and None in shapes[0][1:]:
        return None
    return {**RULES, **SPATIAL_RULES}.get(kind)


def _is_channelwise(layer):
    """Returns whether the activation of a layer works on every channel alone."""
    return getattr(layer.activation, "__name__", "") in ACTIVATIONS


def _clip_normalization(layer, x):
    mean, std = np.array(layer.mean), np.array(layer.std)
    channels = np.arange(3)[::-1] if layer.channel_order == "bgr" else np.arange(3)
    value = tf.cast(x.tensor(), tf.float32)
    value = (value - mean[channels].astype("float32")) / std[channels].astype("float32")
    return ChannelParts([(channels, value)])


def _normalization(layer, x):
    scale, offset = normalization_values(layer)
    rectifies = type(layer) is layers.BatchNormalization and layer.activation == "relu"
    is_fresh = any(isinstance(value, Deferred) for _, value in x.parts)
    if rectifies and not is_fresh and len(x.parts) == 1 and x.padding is None:
        return ChannelParts.of(layer(x.tensor()))  # It has a form for this.

    def of_part(channels, value):
        if isinstance(value, Deferred):
            value = value.affine(scale[channels], offset[channels])
        else:
            value = affine(value, scale[channels], offset[channels])
        return _apply(tf.nn.relu, value) if rectifies else value

    return _unpadded(x).map(of_part)


def _unpadded(x):
    return x if x.padding is None else x.tensors()


def _per_channel(layer, x):
    """Activations of every element alone."""
    return _unpadded(x).map(lambda _, value: _apply(layer.call, value))


def _over_space(layer, x):
    """Poolings and the like, of every channel alone."""
    return x.tensors().map(lambda _, value: layer.call(value))


def _activation(layer, x):
    return _unpadded(x).map(lambda _, value: _apply(layer.activation, value))


def _apply(function, value):
    return value.then(function) if isinstance(value, Deferred) else function(value)


def _zero_padding(layer, x):
    return ChannelParts(_unpadded(x).parts, tuple(tuple(side) for side in layer.padding))


def _dropout(_, x):
    return x


def _add(_, *maps):
    return _combined(maps, lambda x, y: x + y)


def _multiply(_, *maps):
    return _combined(maps, lambda x, y: x * y)


def _combined(maps, function):
    first, *others = (m.tensors() for m in aligned(maps))
    for other in others:
        values = [value for _, value in other.parts]
        first = ChannelParts(
            [(c, function(own, v)) for (c, own), v in zip(first.parts, values, strict=True)]
        )
    return first


def _concatenate(_, *maps):
    parts, start = [], 0
    for m in maps:
        own = m.tensors().parts
        parts += [(channels + start, value) for channels, value in own]
        start += m.size
    return ChannelParts(parts).joined()


RULES = {
    keras.layers.Conv2D: convolution_rule,
    keras.layers.DepthwiseConv2D: depthwise_rule,
    keras.layers.Dense: linear_rule,
    keras.layers.BatchNormalization: _normalization,
    keras.layers.ReLU: _per_channel,
    keras.layers.Activation: _activation,
    keras.layers.MaxPooling2D: _over_space,
    keras.layers.AveragePooling2D: _over_space,
    keras.layers.GlobalAveragePooling2D: _over_space,
    keras.layers.GlobalMaxPooling2D: _over_space,
    keras.layers.ZeroPadding2D: _zero_padding,
    keras.layers.Dropout: _dropout,
    keras.layers.Add: _add,
    keras.layers.Multiply: _multiply,
    keras.layers.Concatenate: _concatenate,
    Add: _add,
    Conv2D: convolution_rule,
    layers.BatchNormalization: _normalization,
    layers.ClipNormalization: _clip_normalization,
}

# These need the height and the width of the map.
SPATIAL_RULES = {
    layers.GateShift: gate_rule,
    layers.GateShiftFuse: gate_rule,
    layers.TemporalShift: shift_rules.temporal_shift,
    layers.AttentionShift: shift_rules.attention_shift,
    layers.IntegerShift: shift_rules.integer_shift,
    layers.RubiksShift2D: shift_rules.rubiks_shift,
    layers.RubiksShift3D: shift_rules.rubiks_shift,
    layers.GroupedSpatialTemporal: shift_rules.grouped_spatial_temporal,
}
