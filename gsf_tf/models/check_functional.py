import keras


def check_functional(backbone):
    """Raises ValueError if a backbone is no functional model, whose graph can be rewritten."""
    if not isinstance(backbone, keras.Model) or not hasattr(backbone, "operations"):
        raise ValueError(
            "`backbone` must be a functional `keras.Model` (built from `keras.Input`), because its "
            f"graph is rewritten. Received: {type(backbone).__name__}"
        )
