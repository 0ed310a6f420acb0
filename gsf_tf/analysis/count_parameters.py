import math

import keras


def count_parameters(model: keras.Layer, trainable_only: bool = True) -> int:
    """Counts the trainable parameters of a model, as the papers do.

    These are the weights and biases of convolutions and linear layers, and the scale and offset of
    every normalization, but not the moving means and variances. A weight that several layers share
    counts once.

    Args:
        model: Built `keras.Model` or `keras.layers.Layer`.
        trainable_only: Whether only trainable weights count, which those of frozen layers
            (`layer.trainable = False`) are not. With False, all weights count, moving statistics
            included, as in `model.count_params()`.

    Returns:
        The number of parameters.

    Raises:
        ValueError: If the model is not built.

    Example:

    ```python
    model = gsf_tf.models.from_preset("gsf_resnet50", num_classes=174)
    gsf_tf.analysis.count_parameters(model)  # 23974702
    ```

    Reference:
        GSF paper, column "Params." of Tables 1-4 and 6-8.
    """
    if not model.built:
        raise ValueError(
            "`model` must be built, so that its weights exist. "
            f"Received: {model.name!r}, which is not built. Call it on an input first."
        )
    weights = model.trainable_weights if trainable_only else model.weights
    return sum(math.prod(weight.shape) for weight in weights)
