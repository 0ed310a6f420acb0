def find_layers(model, kind):
    """Returns all layers of a class in a model, those of models inside it too, in order.

    Args:
        model: `keras.Model`.
        kind: A layer class, or a tuple of them.
    """
    found = []
    for layer in model.layers:
        if isinstance(layer, kind):
            found.append(layer)
        elif hasattr(layer, "layers"):
            found += find_layers(layer, kind)
    return found
