"""The parts that all backbones share: checks of arguments, pooling, classifier, weights."""

import keras

from gsf_tf.keras_settings import check_image_data_format
from gsf_tf.weights.imagenet_sources import imagenet_file
from gsf_tf.weights.load_torch_backbone import load_torch_backbone

KERAS_FORMATS = (".keras", ".h5")


def check_arguments(name, include_top, weights, pooling):
    """Raises ValueError if one of the arguments that all backbones share breaks its rule."""
    check_image_data_format()
    if pooling not in (None, "avg", "max"):
        raise ValueError(f"`pooling` must be None, 'avg' or 'max'. Received: pooling={pooling!r}")
    if include_top and pooling is not None:
        raise ValueError(
            "`pooling` must be None for a backbone with a classifier, which has its own pooling. "
            f"Received: include_top={include_top!r}, pooling={pooling!r}. Pass include_top=False "
            "to use `pooling`."
        )


def published_weights(weights, backbone):
    """Returns the path of the published file where `weights` is `"imagenet"`, else `weights`.

    Args:
        weights: The argument of a builder of a backbone.
        backbone: Name of the backbone in the table of sources, whatever the model is called.
    """
    return imagenet_file(backbone) if weights == "imagenet" else weights


def functional_backbone(inputs, features, include_top, weights, pooling, classes, name):
    """Puts the classifier or the pooling on top of the feature maps and loads the weights.

    Args:
        inputs: Symbolic frames `[B, H, W, 3]`.
        features: Symbolic feature maps `[B, h, w, C]`.
        include_top: Whether the network ends in the spatial mean and the linear layer `fc`.
        weights: None; `"imagenet"` for the file of the backbone's source
            (`gsf_tf/weights/imagenet_sources.py`); or a path: Keras reads `.keras` and `.h5` files,
            `gsf_tf.weights.load_torch_backbone` reads all others.
        pooling: None, `"avg"` or `"max"`.
        classes: Number of outputs of `fc`.
        name: Name of the model.

    Returns:
        A functional `keras.Model`.
    """
    outputs = features
    if include_top or pooling == "avg":
        outputs = keras.layers.GlobalAveragePooling2D(name="avgpool")(outputs)
    elif pooling == "max":
        outputs = keras.layers.GlobalMaxPooling2D(name="maxpool_global")(outputs)
    if include_top:
        outputs = keras.layers.Dense(classes, name="fc")(outputs)
    model = keras.Model(inputs, outputs, name=name)
    weights = published_weights(weights, name)
    if weights is None:
        return model
    if str(weights).endswith(KERAS_FORMATS):
        model.load_weights(weights)
    else:
        load_torch_backbone(model, weights)
    return model
