"""What of a model has no pretrained weights: its temporal layers and its linear layers."""

import contextlib
import re

from gsf_tf.layers import TemporalLayer
from gsf_tf.models.layer_lookup import classifiers, find_layers
from gsf_tf.training.parameter_group import ParameterGroup


def new_layers(model):
    """Returns the temporal layers and the linear layers of a `SegmentModel`.

    A backbone's own weights come from ImageNet or from another run; these layers are added to it.
    """
    return [*find_layers(model, TemporalLayer), *classifiers(model).values()]


def new_layers_group(model, learning_rate):
    """Returns a `ParameterGroup` of the variables of the `new_layers`.

    Args:
        model: `SegmentModel`.
        learning_rate: Multiplier of their learning rate.
    """
    names = "|".join(re.escape(layer.name) for layer in new_layers(model))
    return ParameterGroup(rf"(^|/)(?P<new_layers>{names})/", learning_rate=learning_rate)


@contextlib.contextmanager
def frozen_backbone(model):
    """Freezes all layers of a `SegmentModel` but the `new_layers`, in a `with` block.

    A frozen batch normalization normalizes with its moving statistics, which do not change.
    """
    new = {id(layer) for layer in new_layers(model)}
    frozen = [
        layer
        for layer in _leaves(model)
        if id(layer) not in new and layer.trainable and layer.weights
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
