"""The signatures of a SavedModel; the functions share one graph with the weights."""

import keras
import tensorflow as tf

from gsf_tf.data import LabelMap
from gsf_tf.export.graph.bfloat16_function import bfloat16_function
from gsf_tf.export.graph.frozen_function import frame_features, frozen_function, output_names
from gsf_tf.export.jpeg_clips import JPEG_INPUT, clips_from_jpegs

TOP_CLASSES = 5


def serving_signatures(
    model: keras.Model, labels: LabelMap, precision: str = "float32"
) -> dict[str, tf.types.experimental.PolymorphicFunction]:
    """Returns the functions of the signatures.

    Args:
        model: Functional model in float32.
        labels: Names of the classes, those of the action in a multi-task model.
        precision: `"float32"` or `"bfloat16"`, in which convolutions and products are computed.

    Returns:
        A dictionary. From `clip`, uint8 `[N, T, H, W, 3]`: `serving_default`, whose outputs
        `output_names` names; `serve_classes`, with the outputs `classes` (text) and `scores`,
        `[N, min(5, K)]`, the most probable first; and for a segment model `serve_features`, with
        the output `features`, `[N, C]`. From `jpeg`, JPEG files `[N, T]` or `[N]`: `serve_jpeg`,
        with the outputs of the first two and `error`, a text per row; a row with an error is zeros
        and empty names.
    """
    has_features = frame_features(model) is not None
    frozen = frozen_function(model, with_features=has_features)
    if precision == "bfloat16":
        frozen = bfloat16_function(frozen)
    names = output_names(model)
    spec = tf.TensorSpec([None, *model.input_shape[1:]], tf.uint8, name="clip")

    def answer(clip):
        values = tf.nest.flatten(frozen(clip))
        return dict(zip([*names, *["features"] * has_features], values, strict=True))

    def from_clip(choose):
        def serve(clip):
            # Servers take a request of any size, and a reshape may not see that it is wrong.
            clip = tf.ensure_shape(clip, spec.shape, name="clip_of_the_models_size")
            return choose(answer(clip))

        return tf.function(serve, input_signature=[spec], autograph=False)

    def scores_of(outputs):
        return {name: outputs[name] for name in names}

    def classes_of(outputs):
        probabilities = outputs["probabilities"]
        scores, best = tf.math.top_k(probabilities, min(TOP_CLASSES, len(labels.names)))
        return {"classes": tf.gather(tf.constant(list(labels.names)), best), "scores": scores}

    def serve_jpeg(jpeg):
        clip, error = clips_from_jpegs(jpeg, model.input_shape[1], model.input_shape[2:4])
        outputs = answer(clip)
        outputs = {**scores_of(outputs), **classes_of(outputs)}
        good = tf.equal(error, "")[:, None]
        answers = {n: tf.where(good, v, tf.zeros([], v.dtype)) for n, v in outputs.items()}
        return {**answers, "error": error}

    # Its rank is unknown, because two ranks are allowed.
    jpeg_spec = tf.TensorSpec(None, tf.string, name=JPEG_INPUT)
    signatures = {
        "serving_default": from_clip(scores_of),
        "serve_classes": from_clip(classes_of),
        "serve_jpeg": tf.function(serve_jpeg, input_signature=[jpeg_spec], autograph=False),
    }
    if has_features:
        signatures["serve_features"] = from_clip(lambda outputs: {"features": outputs["features"]})
    return signatures
