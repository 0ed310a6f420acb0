"""Networks of Keras that normalize their input, without these layers.

A `SegmentModel` normalizes by itself. Keras builds other layers with `weights="imagenet"` than
without, and weights in a file would fit one of the two networks only.
"""

import keras

PREPROCESSING = (keras.layers.Rescaling, keras.layers.Normalization)


def forget_calls(backbone: keras.Model) -> None:
    """Removes the calls of a backbone from its layers, before they are called in a new graph.

    `layer.output` is the tensor of a layer's first call. No feature extractor could be made of it
    if that call were in another graph than the model's.

    Args:
        backbone: Functional `keras.Model`, which is not used any more afterwards.
    """
    for layer in backbone.layers:
        layer._inbound_nodes.clear()
        layer._outbound_nodes.clear()


def without_preprocessing(backbone: keras.Model) -> keras.Model:
    """Returns a functional model without the `Rescaling` and `Normalization` layers in it.

    Args:
        backbone: Functional `keras.Model`. Its layers pass to the returned model, with their
            weights.
    """

    def call_function(layer, *args, **kwargs):
        return args[0] if isinstance(layer, PREPROCESSING) else layer(*args, **kwargs)

    forget_calls(backbone)
    return keras.models.clone_model(
        backbone, call_function=call_function, clone_function=lambda layer: layer
    )
