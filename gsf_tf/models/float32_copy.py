import keras

HALF = ("float16", "bfloat16")


def float32_copy(model: keras.Model) -> keras.Model:
    """Returns a model with equal weights that computes in float32.

    Args:
        model: Functional `keras.Model`, such as a `SegmentModel`.

    Returns:
        `model` itself if none of its layers computes in half precision; otherwise a functional
        `keras.Model` with the same names, inputs and outputs, which shares nothing with it.
    """
    if not any(layer.compute_dtype in HALF for layer in _all_layers(model)):
        return model
    # `clone_model` would compile the copy like the original, which needs the loss to be registered.
    bare = keras.Model(model.input, model.output, name=model.name)
    copy = keras.models.clone_model(bare, clone_function=_float32_layer, recursive=True)
    _copy_weights(model, copy)
    return copy


def float32_model(model: keras.Model) -> keras.Model:
    """Returns a model of the same class with equal weights that computes in float32.

    Args:
        model: `keras.Model` that its configuration describes whole, such as a `SegmentModel`.

    Returns:
        `model` itself if none of its layers computes in half precision; otherwise another model.
    """
    if not any(layer.compute_dtype in HALF for layer in _all_layers(model)):
        return model
    copy = type(model).from_config(_in_float32(model.get_config()))
    _copy_weights(model, copy)
    return copy


def _copy_weights(model, copy):
    weights = {weight.path: weight for weight in model.weights}
    for weight in copy.weights:
        weight.assign(keras.ops.cast(weights[weight.path], weight.dtype))


def _all_layers(model):
    return [layer for layer in model._flatten_layers() if not isinstance(layer, keras.Model)]


def _float32_layer(layer):
    return layer.__class__.from_config(_in_float32(layer.get_config()))


def _in_float32(config):
    """Returns a layer's configuration in which every policy of half precision is float32."""
    if isinstance(config, dict):
        if config.get("class_name") == "DTypePolicy" and _is_half(config["config"]["name"]):
            return {**config, "config": {**config["config"], "name": "float32"}}
        return {
            key: "float32" if key == "dtype" and _is_half(value) else _in_float32(value)
            for key, value in config.items()
        }
    if isinstance(config, (list, tuple)):
        return type(config)(map(_in_float32, config))
    return config


def _is_half(policy):
    return isinstance(policy, str) and policy.removeprefix("mixed_") in HALF
