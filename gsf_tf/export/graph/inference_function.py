import collections
from collections.abc import Callable

import keras
import tensorflow as tf

from gsf_tf import layers, ops
from gsf_tf.export.graph.channel_parts import ChannelParts
from gsf_tf.export.graph.deferred import Deferred
from gsf_tf.export.graph.layer_rules import rule_of


def inference_function(model: keras.Model) -> Callable[[tf.Tensor], object]:
    """Returns a function from clips to the model's outputs, of standard operations only.

    The function has the values of the model's variables when it is traced, and computes what
    `model(clip, training=False)` computes: batch normalization is part of the convolutions, shifts
    have constant kernels, and the channels that a temporal layer leaves alone bypass it. Layers
    that are not known here are called as they are.

    Args:
        model: Functional `keras.Model` in float32, such as a `SegmentModel`; any other model is
            called as it is.

    Returns:
        A callable from a clip `[N, T, H, W, 3]` to what the model returns.
    """

    def infer(clip: tf.Tensor) -> object:
        with ops.use_implementation("reference"):
            if not _is_functional(model) or not _is_in_float32(model):
                return model(clip, training=False)
            return keras.tree.map_structure(_plain, _run(model, [clip]))

    return infer


def _is_functional(layer):
    """Returns whether a layer is a graph of layers and computes what its graph says."""
    base = next((c for c in type(layer).__mro__ if c.__name__ == "Functional"), None)
    return base is not None and type(layer).call is base.call


def _is_in_float32(model):
    parts = (layer for layer in model._flatten_layers() if not isinstance(layer, keras.Model))
    return all(layer.compute_dtype == "float32" for layer in parts)


def _run(model, inputs):
    """Returns the outputs of a functional model, in its structure."""
    calls = _calls(model)
    uses = _uses(model, calls)
    symbols = keras.tree.flatten(model.input)
    found = {
        id(symbol): _input(value, symbol, calls)
        for symbol, value in zip(symbols, inputs, strict=True)
    }
    for call in calls:
        args, kwargs = call.arguments.fill_in(found)
        outputs = keras.tree.flatten(_call(call, args, kwargs))
        for symbol, value in zip(call.outputs, outputs, strict=True):
            # What several layers read is computed once.
            found[id(symbol)] = value if uses[id(symbol)] == 1 else _in_graph(value)
    return keras.tree.map_structure(lambda symbol: found[id(symbol)], model.output)


def _calls(model):
    """Returns the calls of a functional model in the order in which they can run."""
    depths = sorted(model._nodes_by_depth, reverse=True)
    nodes = [node for depth in depths for node in model._nodes_by_depth[depth]]
    return [node for node in nodes if node.operation is not None and not node.is_input]


def _uses(model, calls):
    uses = collections.Counter(id(symbol) for call in calls for symbol in call.input_tensors)
    uses.update(id(symbol) for symbol in keras.tree.flatten(model.output))
    return uses


def _input(value, symbol, calls):
    """Casts an input as Keras does, except where `FoldSegments` reads the pixels."""
    readers = [
        type(call.operation) for call in calls if any(symbol is read for read in call.input_tensors)
    ]
    if isinstance(value, ChannelParts) or set(readers) == {layers.FoldSegments}:
        return value
    return tf.cast(value, symbol.dtype)


def _call(call, args, kwargs):
    layer = call.operation
    inputs = keras.tree.flatten(args)
    if _is_functional(layer):
        return _run(layer, inputs)
    # A layer that is called again by `clone_model` keeps these two among its arguments.
    kwargs = {name: value for name, value in kwargs.items() if name not in ("training", "mask")}
    if not kwargs and inputs and all(isinstance(value, ChannelParts) for value in inputs):
        rule = rule_of(layer, [symbol.shape for symbol in call.input_tensors])
        if rule is not None:
            return rule(layer, *inputs)
    args, kwargs = keras.tree.map_structure(_plain, (args, kwargs))
    if getattr(layer, "_call_has_training_arg", False):
        kwargs["training"] = False
    outputs = keras.tree.flatten(layer(*args, **kwargs))
    return [
        _in_parts(tf.cast(value, symbol.dtype) if value.dtype != symbol.dtype else value)
        for value, symbol in zip(outputs, call.outputs, strict=True)
    ]


def _plain(value):
    return value.tensor() if isinstance(value, ChannelParts) else value


def _in_parts(value):
    is_map = isinstance(value, tf.Tensor) and value.shape.rank and value.shape[-1] is not None
    return ChannelParts.of(value) if is_map else value


def _in_graph(value):
    is_deferred = isinstance(value, ChannelParts) and any(
        isinstance(part, Deferred) for _, part in value.parts
    )
    return value.tensors() if is_deferred else value
