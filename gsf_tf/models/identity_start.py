"""A start at which inserted layers leave the features of a pretrained backbone as they are.

GSF and GSM interleave their channels, and the layers behind them expect the old order. So the
filters of the convolution beside such a layer are reordered, and scaled where the fusion scales:
after that, convolution and layer together compute what the convolution computed alone. Nothing else
changes, so normalizations, depthwise convolutions and residual sums see what they always saw.
"""

import keras
import numpy as np

from gsf_tf.layers import TemporalLayer

STARTS = ("identity", "paper")
CONVOLUTIONS = (keras.layers.Conv2D, keras.layers.Dense)
# A factor of the filters passes through these.
HOMOGENEOUS = (keras.activations.linear, keras.activations.relu)


def check_start(start: str | None) -> None:
    """Raises ValueError if a start is none of `STARTS` and not None."""
    if start is not None and start not in STARTS:
        raise ValueError(
            f"`start` must be one of {', '.join(map(repr, STARTS))}, or None for the default. "
            f"Received: start={start!r}"
        )


def was_trained(backbone: keras.Model) -> bool:
    """Returns whether a backbone has the weights of a training.

    In a new network, every bias and every scale, shift, mean and variance of a normalization is the
    same for all channels of its layer; training makes them differ.
    """
    vectors = (
        weight
        for layer in _layers_of_the_network(backbone)
        for weight in layer.weights
        if len(weight.shape) == 1 and keras.backend.is_float_dtype(weight.dtype)
    )
    return any(np.ptp(_value(vector)) > 0 for vector in vectors)


def _layers_of_the_network(model):
    """Gives the layers that a training of the 2D network changes."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _layers_of_the_network(layer)
        # `Normalization` has constants for each color, gates have random biases.
        elif not isinstance(layer, TemporalLayer | keras.layers.Normalization):
            yield layer


def check_absorbs(layer: keras.Layer, is_after: bool, temporal_name: str) -> None:
    """Raises ValueError if the filters of a layer cannot undo an order and scale of channels.

    Args:
        layer: The layer of the backbone beside a temporal layer.
        is_after: Whether the temporal layer follows it.
        temporal_name: Name of the temporal layer, for the error.
    """
    convolutions = (*CONVOLUTIONS, keras.layers.SeparableConv2D) if is_after else CONVOLUTIONS
    if (
        isinstance(layer, convolutions)
        and getattr(layer, "groups", 1) == 1
        and (not is_after or layer.activation in HOMOGENEOUS)
    ):
        return
    kinds = "a Conv2D, Dense or SeparableConv2D" if is_after else "a Conv2D or Dense"
    place = "without activation or with a ReLU before it" if is_after else "behind it"
    raise ValueError(
        f"`start='identity'` needs, for a layer that reorders channels, {kinds} of one group "
        f"{place}, whose filters undo the order. Received: {temporal_name!r} beside "
        f"{layer.name!r}, a {type(layer).__name__}. Name another layer, or pass start='paper'."
    )


def absorb(layer: keras.Layer, order: np.ndarray, scale: np.ndarray, is_after: bool) -> None:
    """Changes the filters of a layer, so that they undo an order and scale of channels.

    Args:
        layer: A layer that `check_absorbs` accepts.
        order: Integers `[C]`: the temporal layer computes `scale * inputs[..., order]`.
        scale: Positive floats `[C]`.
        is_after: Whether the temporal layer follows `layer`: then the outputs of `layer` change,
            otherwise its inputs.
    """
    if not is_after:
        kernel = _value(layer.kernel)
        _assign(layer.kernel, np.take(kernel, order, axis=-2) / scale[:, None])
        return
    kernel = layer.kernel if isinstance(layer, CONVOLUTIONS) else layer.pointwise_kernel
    for weight in filter(lambda weight: weight is not None, (kernel, layer.bias)):
        value = np.empty(weight.shape)
        value[..., order] = _value(weight) / scale
        _assign(weight, value)


def start_as_identity(backbone: keras.Model, names: list[str]) -> list[str]:
    """Makes temporal layers of a model identities, and changes the filters beside them.

    Args:
        backbone: Functional `keras.Model` with temporal layers from `insert_temporal`. It is
            changed.
        names: Names of temporal layers.

    Returns:
        The names of those that have an identity start; the others are not changed.

    Raises:
        ValueError: If the filters beside a layer cannot undo its order of the channels.
    """
    layers = [backbone.get_layer(name) for name in names]
    layers = [layer for layer in layers if getattr(layer, "has_identity_start", False)]
    neighbors = {}
    for layer in layers:
        if layer.reorders_channels:
            neighbors[layer.name] = neighbor, is_after = _neighbor(backbone, layer)
            check_absorbs(neighbor, is_after, layer.name)
    for layer in layers:
        order, scale = layer.start_as_identity()
        if layer.name in neighbors:
            neighbor, is_after = neighbors[layer.name]
            absorb(neighbor, order, scale, is_after)
    return [layer.name for layer in layers]


def _neighbor(backbone, layer):
    """Returns the layer beside which `insert_temporal` put a layer, and whether it comes before."""
    neighbor = backbone.get_layer(layer.name.removesuffix("_temporal"))
    producer = layer.input._keras_history.operation
    return neighbor, producer is neighbor


def _value(weight):
    return keras.ops.convert_to_numpy(weight).astype("float64")


def _assign(weight, value):
    weight.assign(keras.ops.cast(value, weight.dtype))
