"""The signatures of a SavedModel; the functions share one graph with the weights."""

import keras
import tensorflow as tf

from gsf_tf.data import LabelMap
from gsf_tf.export.graph.frozen_function import frame_features, frozen_function, output_names

TOP_CLASSES = 5


def serving_signatures(model: keras.Model, labels: LabelMap) -> dict:
    """Returns the functions of the signatures, all from `clip`, uint8 `[N, T, H, W, 3]`.

    Args:
        model: Functional model in float32.
        labels: Names of the classes, those of the action in a multi-task model.

    Returns:
        A dictionary with `serving_default`, whose outputs `output_names` names; `serve_classes`,
        with the outputs `classes` (text) and `scores`, `[N, min(5, K)]`, the most probable first;
        and for a segment model `serve_features`, with the output `features`, `[N, C]`.
    """
    has_features = frame_features(model) is not None
    frozen = frozen_function(model, with_features=has_features)
    names = [*output_names(model), *["features"] * has_features]
    spec = tf.TensorSpec([None, *model.input_shape[1:]], tf.uint8, name="clip")

    def signature(function):
        def serve(clip):
            # Servers take a request of any size, and a reshape may not see that it is wrong.
            clip = tf.ensure_shape(clip, spec.shape, name="clip_of_the_models_size")
            return function(dict(zip(names, tf.nest.flatten(frozen(clip)), strict=True)))

        return tf.function(serve, input_signature=[spec], autograph=False)

    def serve_classes(outputs):
        probabilities = outputs["probabilities"]
        scores, best = tf.math.top_k(probabilities, min(TOP_CLASSES, len(labels.names)))
        return {"classes": tf.gather(tf.constant(list(labels.names)), best), "scores": scores}

    signatures = {
        "serving_default": signature(
            lambda outputs: {name: outputs[name] for name in output_names(model)}
        ),
        "serve_classes": signature(serve_classes),
    }
    if has_features:
        signatures["serve_features"] = signature(lambda outputs: {"features": outputs["features"]})
    return signatures
