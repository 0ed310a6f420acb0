"""Divides a backbone before its first temporal layer."""

from collections.abc import Callable

import keras

from gsf_tf.layers import TemporalLayer


def split_backbone(backbone: keras.Model) -> tuple[keras.Model, Callable, int]:
    """Divides a backbone into what sees one frame alone, and the rest.

    Args:
        backbone: Functional `keras.Model` from frames to features.

    Returns:
        A model from frames to what the rest reads, a list of maps; the rest, a model or a function
        from this list to the backbone's output; and the number of layers in the first one.
    """
    mixes, read, once = set(), {}, 0
    for node in _calls(backbone):
        inputs = node.input_tensors
        if isinstance(node.operation, TemporalLayer) or any(id(x) in mixes for x in inputs):
            mixes.update(id(x) for x in node.outputs)
            read.update((id(x), x) for x in inputs if id(x) not in mixes)
        else:
            once += 1
    read.update((id(x), x) for x in keras.tree.flatten(backbone.output) if id(x) not in mixes)
    cut = list(read.values())
    first = keras.Model(backbone.input, cut)
    return first, keras.Model(cut, backbone.output) if mixes else _only, once


def _only(maps, training=False):
    return maps[0]


def _calls(model):
    """Returns the calls of a functional model in the order in which they can run."""
    depths = sorted(model._nodes_by_depth, reverse=True)
    nodes = [node for depth in depths for node in model._nodes_by_depth[depth]]
    return [node for node in nodes if not node.is_input]
