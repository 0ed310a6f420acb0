"""The rules by which `count_macs` counts the MACs of each kind of layer.

A rule takes a `LayerCall` and returns two integers: the multiply-accumulates of convolutions,
linear layers and products of tensors, and the operations that the papers add to them; or None if
the layer cannot tell. It counts the layer without the layers inside it, which have their own rules.
"""

from math import prod

import keras

from gsf_tf.layers import RubiksShift2D, TemporalLayer

FREE = (0, 0)


def _free(call):
    return FREE


def _bias(call):
    return prod(call.output) if call.layer.use_bias else 0


def _convolution(call):
    """Every kernel element once per output position; groups make the kernel smaller."""
    positions = prod(call.output) // call.layer.filters
    return positions * prod(call.layer.kernel.shape), _bias(call)


def _transposed_convolution(call):
    """Every kernel element once per input position, even if the padding "same" crops the result."""
    channels = call.layer.kernel.shape[-1]
    return prod(call.input) // channels * prod(call.layer.kernel.shape), _bias(call)


def _depthwise_convolution(call):
    return prod(call.output) * prod(call.layer.kernel.shape[:-2]), _bias(call)


def _separable_convolution(call):
    layer = call.layer
    kernels = prod(layer.depthwise_kernel.shape) + prod(layer.pointwise_kernel.shape)
    return prod(call.output) // layer.filters * kernels, _bias(call)


def _dense(call):
    return prod(call.input) * call.layer.units, 0


def _einsum_dense(call):
    """Every input element once per combination of the kernel axes that the input lacks."""
    operands = call.layer.equation.replace(" ", "").split("->")[0]
    inputs, kernel = operands.split(",")
    sizes = zip(kernel, call.layer.kernel.shape, strict=True)
    return prod(call.input) * prod(size for label, size in sizes if label not in inputs), 0


def _recurrent(call):
    """The two kernels of the cell once per step."""
    batch, steps, _ = call.input
    cell = call.layer.cell
    return batch * steps * (prod(cell.kernel.shape) + prod(cell.recurrent_kernel.shape)), 0


def _dot(call):
    """Every element of the first tensor once per element of the second's other axes."""
    first, second = call.input
    axes = call.layer.axes
    first_axis, second_axis = (axes, axes) if isinstance(axes, int) else axes
    if first[first_axis] != second[second_axis]:
        raise ValueError(f"Dot contracts axes of equal size. Received: {first}, {second}")
    return prod(first) * prod(second) // (second[0] * second[second_axis]), 0


def _attention(call):
    """Scores and weighted sum; query `[B, Tq, D]`, value `[B, Tv, E]`."""
    query, value = call.input[:2]
    batch, queries, width = query
    return batch * queries * value[1] * (width + value[2]), 0


def _multi_head_attention(call):
    """Scores and weighted sum per head; the projections are layers of their own."""
    query, value = call.arguments["query"], call.arguments["value"]
    layer = call.layer
    pairs = prod(query[:-1]) * prod(value[1:-1])
    return pairs * layer.num_heads * (layer.key_dim + layer.value_dim), 0


def _grouped_query_attention(call):
    query, value = call.arguments["query"], call.arguments["value"]
    layer = call.layer
    return prod(query[:-1]) * value[1] * layer.num_query_heads * 2 * layer.head_dim, 0


def _normalization(call):
    return 0, 4 * prod(call.input)


def _average_pooling(call):
    """k + 1 per output element, k the longest side of the window (the papers' are square)."""
    return 0, (max(call.layer.pool_size) + 1) * prod(call.output)


def _global_average_pooling(call):
    """H * W + 1 per output element."""
    return 0, prod(call.input) + prod(call.output)


def _counted_by_itself(call):
    return call.layer.count_macs(call.input, call.output)


_layers = keras.layers
RULES = {
    # Convolutions
    _layers.Conv1D: _convolution,
    _layers.Conv2D: _convolution,
    _layers.Conv3D: _convolution,
    _layers.Conv1DTranspose: _transposed_convolution,
    _layers.Conv2DTranspose: _transposed_convolution,
    _layers.Conv3DTranspose: _transposed_convolution,
    _layers.DepthwiseConv1D: _depthwise_convolution,
    _layers.DepthwiseConv2D: _depthwise_convolution,
    _layers.SeparableConv1D: _separable_convolution,
    _layers.SeparableConv2D: _separable_convolution,
    # Linear layers and products
    _layers.Dense: _dense,
    _layers.EinsumDense: _einsum_dense,
    _layers.Dot: _dot,
    _layers.Attention: _attention,
    _layers.MultiHeadAttention: _multi_head_attention,
    _layers.GroupQueryAttention: _grouped_query_attention,
    _layers.SimpleRNN: _recurrent,
    _layers.GRU: _recurrent,
    _layers.LSTM: _recurrent,
    # Normalization and pooling
    _layers.BatchNormalization: _normalization,
    _layers.GroupNormalization: _normalization,
    _layers.LayerNormalization: _normalization,
    _layers.AveragePooling1D: _average_pooling,
    _layers.AveragePooling2D: _average_pooling,
    _layers.AveragePooling3D: _average_pooling,
    _layers.GlobalAveragePooling1D: _global_average_pooling,
    _layers.GlobalAveragePooling2D: _global_average_pooling,
    _layers.GlobalAveragePooling3D: _global_average_pooling,
    # Layers with weights that multiply nothing, or each element once
    _layers.Embedding: _free,
    _layers.Normalization: _free,
    _layers.PReLU: _free,
    # Temporal layers, and RubiksNet's shift in space
    TemporalLayer: _counted_by_itself,
    RubiksShift2D: _counted_by_itself,
}
