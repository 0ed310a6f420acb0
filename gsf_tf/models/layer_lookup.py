"""Finding layers and features in a built model."""


def find_layers(model, kind):
    """Returns all layers of a class in a model and in the models inside it, in order.

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


def classifiers(model):
    """Returns the linear layers of a segment model by name: one, or one per task.

    Args:
        model: `SegmentModel`.

    Returns:
        Dictionary with `"classifier"`, or with a `"classifier_<task>"` for each task.
    """
    names = (
        [f"classifier_{task}" for task in model.num_classes]
        if isinstance(model.num_classes, dict)
        else ["classifier"]
    )
    return {name: model.get_layer(name) for name in names}


def normalized_frames(model, clips):
    """Returns what the backbone of a segment model is given for clips.

    Args:
        model: `SegmentModel`.
        clips: `[B, T, H, W, 3]` in 0..255.

    Returns:
        Frames `[B * T, H, W, 3]`.
    """
    return model.get_layer("normalization")(model.get_layer("fold_segments")(clips))
