"""The calls that a forward pass makes, with the shapes of their inputs and outputs."""

import contextlib
import dataclasses
import inspect
import threading
from typing import Any

import keras
import tensorflow as tf


@dataclasses.dataclass(eq=False)
class LayerCall:
    """One call of a layer (or of an operation of a functional graph) in a forward pass.

    Attributes:
        layer: The layer that was called.
        arguments: Dictionary from the name of each argument to the shape of the tensor, or to a
            list or dictionary of shapes for a list or dictionary of tensors.
        output: Shape, or structure of shapes, of the result.
        calls: The calls that the layer made itself, in order.
    """

    layer: keras.Operation
    arguments: dict[str, Any]
    output: Any = None
    calls: list["LayerCall"] = dataclasses.field(default_factory=list)

    @property
    def input(self) -> Any:
        """Shape, or structure of shapes, of the first argument."""
        return next(iter(self.arguments.values()))


def record_calls(model, input_shape, batch_size):
    """Records the calls of a forward pass of a model at inference, without computing anything.

    The pass is traced into a graph that is then discarded. So every call of a layer is recorded,
    also by another layer, and the model does not change.

    Args:
        model: Built `keras.Model`: functional, sequential or a subclass.
        input_shape: Shape of an input without the batch axis, or a structure of shapes; None for
            the input shape of the model.
        batch_size: Size of the batch axis.

    Returns:
        The `LayerCall` of the model.

    Raises:
        ValueError: If a size of the input is not known, or the model is not built.
    """
    inputs = _input_specs(model, input_shape, batch_size)
    with _recording() as calls:
        tf.function(lambda x: model(x), autograph=False).get_concrete_function(inputs)
    return calls[0]


@contextlib.contextmanager
def _recording():
    """Yields the list of the outermost calls that this thread makes in the `with` block."""
    call_operation = keras.Operation.__call__
    thread = threading.get_ident()
    stack = [[]]

    def recorded(operation, *args, **kwargs):
        if threading.get_ident() != thread:
            return call_operation(operation, *args, **kwargs)
        call = LayerCall(operation, _tensor_arguments(operation, args, kwargs))
        stack[-1].append(call)
        stack.append(call.calls)
        try:
            outputs = call_operation(operation, *args, **kwargs)
        finally:
            stack.pop()
        call.output = _shapes(outputs)
        return outputs

    keras.Operation.__call__ = recorded
    try:
        yield stack[0]
    finally:
        keras.Operation.__call__ = call_operation


def _tensor_arguments(operation, args, kwargs):
    arguments = inspect.signature(operation.call).bind(*args, **kwargs).arguments
    return {
        name: _shapes(value)
        for name, value in arguments.items()
        if any(hasattr(leaf, "shape") for leaf in keras.tree.flatten(value))
    }


def _shapes(value):
    return keras.tree.map_structure(
        lambda leaf: tuple(leaf.shape) if hasattr(leaf, "shape") else None, value
    )


def _input_specs(model, input_shape, batch_size):
    if not model.built:
        raise ValueError(
            "`model` must be built, so that its layers are known. "
            f"Received: {model.name!r}, which is not built. Call it on an input first."
        )
    own = getattr(model, "input", None)
    if input_shape is None and own is None:
        raise ValueError(
            "`input_shape` can be left out for functional and sequential models only. "
            f"Received: input_shape=None for {model.name!r}. Pass the shape without the batch axis."
        )
    if input_shape is None:
        input_shape = keras.tree.map_structure(lambda tensor: tensor.shape[1:], own)
    shapes = keras.tree.map_shape_structure(tuple, input_shape)
    if any(None in shape for shape in _leaves(shapes)):
        raise ValueError(
            "Every size of the input must be known to count. "
            f"Received: {shapes} for {model.name!r}. Pass `input_shape`, without the batch axis."
        )
    dtypes = (
        ["float32"] * len(_leaves(shapes))
        if own is None
        else [tensor.dtype for tensor in keras.tree.flatten(own)]
    )
    dtypes = iter(dtypes)
    return keras.tree.map_shape_structure(
        lambda shape: tf.TensorSpec((batch_size, *shape), next(dtypes)), shapes
    )


def _leaves(shapes):
    leaves = []
    keras.tree.map_shape_structure(leaves.append, shapes)
    return leaves
