import math
from collections.abc import Callable, Mapping
from typing import Any

import keras

from gsf_tf.analysis.counting_rules import FREE, RULES
from gsf_tf.analysis.layer_calls import LayerCall, record_calls

# Operations of `keras.ops` in a functional graph that multiply tensors with each other.
_PRODUCTS = ("Conv", "ConvTranspose", "DepthwiseConv", "DotProductAttention", "Einsum", "Inner")
_PRODUCTS += ("Dot", "Matmul", "Outer", "SeparableConv", "Tensordot", "Vdot")


def macs_by_convention(
    model: keras.Model,
    input_shape: Any = None,
    batch_size: int = 1,
    rules: Mapping[type, Callable[[LayerCall], tuple[int, int]]] | None = None,
) -> dict[str, int]:
    """Counts the MACs of a model in both conventions of `count_macs`, in a single pass.

    Args:
        model: As in `count_macs`.
        input_shape: As in `count_macs`.
        batch_size: As in `count_macs`.
        rules: As in `count_macs`.

    Returns:
        A dictionary from the conventions `"conv_linear"` and `"paper"` to their counts.

    Raises:
        ValueError: As in `count_macs`.
    """
    unknown = {}
    call = record_calls(model, input_shape, batch_size)
    macs, extra = _count(call, {**RULES, **(rules or {})}, unknown)
    if unknown:
        raise ValueError(
            "Every layer with weights and every product of tensors must have a rule to be "
            f"counted. Received: layers without one: {', '.join(unknown)}. Pass "
            "`rules={TheLayer: lambda call: (macs, extra)}`, or define the method `count_macs` of "
            "your own `TemporalLayer`."
        )
    return {"conv_linear": macs, "paper": macs + extra}


def _count(call, rules, unknown):
    if isinstance(call.layer, keras.layers.TimeDistributed):
        call = _folded(call)
    rule = _rule(call.layer, rules)
    own = rule(_known(call)) if rule else None
    if own is None and _is_uncounted(call):
        unknown[f"{call.layer.name} ({type(call.layer).__name__})"] = True
    counts = [own or FREE]
    if not isinstance(call.layer, keras.layers.RNN):  # Its rule counts all steps of its cell.
        counts += [_count(inner, rules, unknown) for inner in call.calls]
    return tuple(map(sum, zip(*counts, strict=True)))


def _rule(layer, rules):
    return next((rules[kind] for kind in type(layer).__mro__ if kind in rules), None)


def _known(call):
    shapes = (call.input, call.output)
    if any(size is None for size in keras.tree.flatten(shapes)):
        raise ValueError(
            "The shapes around a layer must be known to count it. Received: "
            f"{call.input} -> {call.output} at {call.layer.name!r}."
        )
    return call


def _is_uncounted(call):
    """Returns whether a call without a rule has MACs that no other rule counts."""
    layer = call.layer
    if not isinstance(layer, keras.layers.Layer):
        return type(layer).__name__ in _PRODUCTS
    if isinstance(layer, keras.layers.RNN):
        return True
    inside = {id(weight) for inner in call.calls for weight in getattr(inner.layer, "weights", ())}
    own = [weight for weight in layer.weights if id(weight) not in inside]
    return bool(own) and not (call.input == call.output and _scales(own, call.output))


def _scales(weights, shape):
    return all(math.prod(weight.shape) in (1, shape[-1]) for weight in weights)


def _folded(call):
    """Returns `TimeDistributed` as a call of the layer inside, with time folded into the batch."""

    def fold(shape):
        return (shape[0] * shape[1], *shape[2:])

    return LayerCall(call.layer.layer, {"inputs": fold(call.input)}, fold(call.output), call.calls)
