import keras


def replace_convolution(backbone, make_layer, names):
    """Replaces convolutions that have explicit padding by other layers.

    The layer `<name>_pad` before each convolution is removed, because the new layer pads its input
    itself. All other layers of the backbone are reused with their weights.

    Args:
        backbone: Functional `keras.Model` that takes frames `[B * T, H, W, C]`.
        make_layer: Callable from the convolution to the layer that replaces it, whose output must
            have the same shape.
        names: Names of the convolutions.

    Returns:
        A functional `keras.Model` with the backbone's name and inputs.

    Raises:
        ValueError: If the backbone has no layer of one of the names.

    Reference:
        GSF paper, section 2.2: GST decomposes the 3x3x3 convolution; it does not add a module.
    """
    pads = {f"{name}_pad" for name in names}
    for name in names:
        backbone.get_layer(name)

    def call_function(layer, *args, **kwargs):
        if layer.name in pads:
            return args[0]
        if layer.name in names:
            return make_layer(layer)(*args, **kwargs)
        return layer(*args, **kwargs)

    return keras.models.clone_model(
        backbone, call_function=call_function, clone_function=lambda layer: layer
    )
