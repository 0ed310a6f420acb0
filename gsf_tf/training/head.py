"""The head of a model, its linear layers: trained alone at first, and at a rate of its own."""

import contextlib
import re

from gsf_tf.models.layer_lookup import classifiers
from gsf_tf.training.parameter_group import ParameterGroup


def head_group(model, learning_rate):
    """Returns a `ParameterGroup` of the variables of the linear layers.

    Args:
        model: `SegmentModel`.
        learning_rate: Multiplier of their learning rate.
    """
    names = "|".join(re.escape(layer.name) for layer in classifiers(model).values())
    return ParameterGroup(rf"(^|/)(?P<head>{names})/", learning_rate=learning_rate)


@contextlib.contextmanager
def frozen_backbone(model):
    """Freezes all layers of a `SegmentModel` but the linear ones, in a `with` block.

    A frozen batch normalization normalizes with its moving statistics, which do not change. The
    temporal layers of the backbone are frozen too.
    """
    head = {id(layer) for layer in classifiers(model).values()}
    frozen = [
        layer
        for layer in _leaves(model)
        if id(layer) not in head and layer.trainable and layer.weights
    ]
    for layer in frozen:
        layer.trainable = False
    try:
        yield
    finally:
        for layer in frozen:
            layer.trainable = True


def _leaves(model):
    """Gives the layers of a model and of the models inside it, which are no models themselves."""
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from _leaves(layer)
        else:
            yield layer
