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
