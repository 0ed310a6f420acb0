from gsf_tf.layers import TemporalLayer
from gsf_tf.models.layer_lookup import find_layers

# Entries of a layer's configuration that every Keras layer has.
COMMON = ("name", "trainable", "dtype")


def temporal_layers(model):
    """Returns descriptions of the temporal layers of a model.

    Args:
        model: `keras.Model`.

    Returns:
        A list with a dictionary for each layer, which can be written as JSON: `name`, `class` and
        `arguments`.
    """
    found = []
    for layer in find_layers(model, TemporalLayer):
        arguments = {k: v for k, v in layer.get_config().items() if k not in COMMON}
        found.append({"name": layer.name, "class": type(layer).__name__, "arguments": arguments})
    return found
