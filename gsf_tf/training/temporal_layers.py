from gsf_tf.layers import TemporalLayer
from gsf_tf.models.layer_lookup import find_layers

# Of a layer's configuration, what Keras adds to every layer.
COMMON = ("name", "trainable", "dtype")


def temporal_layers(model):
    """Lists the layers of a model that mix frames.

    Args:
        model: `keras.Model`.

    Returns:
        A dictionary per layer, ready for JSON: `name`, `class` and `arguments`.
    """
    found = []
    for layer in find_layers(model, TemporalLayer):
        arguments = {k: v for k, v in layer.get_config().items() if k not in COMMON}
        found.append({"name": layer.name, "class": type(layer).__name__, "arguments": arguments})
    return found
