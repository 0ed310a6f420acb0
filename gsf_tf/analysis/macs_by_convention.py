import math

import keras

from gsf_tf.analysis.counting_rules import FREE, RULES
from gsf_tf.analysis.layer_calls import LayerCall, record_calls

# Operations of `keras.ops` in a functional graph that multiply tensors with each other.
_PRODUCTS = ("Conv", "ConvTranspose", "DepthwiseConv", "DotProductAttention", "Einsum", "Inner")
_PRODUCTS += ("Dot", "Matmul", "Outer", "SeparableConv", "Tensordot", "Vdot")


def macs_by_convention(model, input_shape=None, batch_size=1, rules=None):
    """Counts as `count_macs` does, in both conventions from one look at the model.

    Args:
        model: As in `count_macs`.
        input_shape: As in `count_macs`.
        batch_size: As in `count_macs`.
        rules: As in `count_macs`.

    Returns:
        Dictionary with the integers `"conv_linear"` and `"paper"`.

    Raises:
        ValueError: As in `count_macs`.
    """
    unknown = {}
    call = record_calls(model, input_shape, batch_size)
    macs, extra = _count(call, {**RULES, **(rules or {})}, unknown)
    if unknown:
        raise ValueError(
            "Every layer with weights and every product of tensors must have a rule to be "
            f"counted. Received layers without one: {', '.join(unknown)}. Pass "
            "`rules={TheLayer: lambda call: (macs, extra)}`, or give a `TemporalLayer` of your own "
            "the method `count_macs`."
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
    """Whether a call without a rule has work of its own that nobody has counted."""
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
    """The call of `TimeDistributed` as one of the layer inside, time folded into the batch."""

    def fold(shape):
        return (shape[0] * shape[1], *shape[2:])

    return LayerCall(call.layer.layer, {"inputs": fold(call.input)}, fold(call.output), call.calls)
