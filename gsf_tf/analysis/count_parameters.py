import math


def count_parameters(model, trainable_only=True):
    """Counts the parameters of a model, as the papers do: what training can change.

    Convolution and linear weights with their biases, and scale and offset of every normalization.
    Moving means and variances are not trained and so not counted. A weight that several layers
    share counts once.

    Args:
        model: `keras.Model` or `keras.layers.Layer` that is built.
        trainable_only: Whether only trainable weights count. Frozen layers
            (`layer.trainable = False`) then count nothing; with False every weight counts, the
            moving statistics too, as in `model.count_params()`.

    Returns:
        The number of parameters, an integer.

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
            "The weights of a model exist once it is built. "
            f"Received: {model.name!r}, which is not. Call it on an input first."
        )
    weights = model.trainable_weights if trainable_only else model.weights
    return sum(math.prod(weight.shape) for weight in weights)
