"""The function that all formats of an export hold."""

import keras
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from gsf_tf.export.graph.inference_function import inference_function
from gsf_tf.layers import SegmentConsensus
from gsf_tf.tasks import task_logits, task_prefix


def frozen_function(
    model: keras.Model, batch_size: int | None = None, with_features: bool = False
) -> tf.types.experimental.ConcreteFunction:
    """Returns a model as a function of standard operations without variables.

    Args:
        model: Functional model in float32 from clips to logits.
        batch_size: Clips per batch, or None for any number.
        with_features: Whether `frame_features(model)` are an output too, as means over the frames.

    Returns:
        A concrete function from `clip`, uint8 `[N, T, H, W, 3]`, to the tensors that `output_names`
        names, and the features.
    """
    symbols = {"output": model.output}
    if with_features:
        symbols["features"], num_segments = frame_features(model)
    infer = inference_function(keras.Model(model.input, symbols) if with_features else model)

    def outputs(clip):
        computed = infer(clip)
        found = {}
        logits_of = task_logits(computed["output"] if with_features else computed)
        for task, logits in logits_of.items():
            found[f"{task_prefix(task)}logits"] = logits
            found[f"{task_prefix(task)}probabilities"] = tf.nn.softmax(logits)
        if with_features:
            frames = computed["features"]
            clips = tf.reshape(frames, [-1, num_segments, frames.shape[-1]])
            found["features"] = tf.reduce_mean(clips, 1)
        return [found[name] for name in (*output_names(model), *["features"] * with_features)]

    spec = tf.TensorSpec([batch_size, *model.input_shape[1:]], tf.uint8, name="clip")
    traced = tf.function(outputs, autograph=False).get_concrete_function(spec)
    return convert_variables_to_constants_v2(traced)


def frame_features(model: keras.Model) -> tuple[keras.KerasTensor, int] | None:
    """Returns what the classifier of a segment model reads, `[B * T, C]`, and T; None without one.

    Args:
        model: `SegmentModel`, a copy of one in another precision, or another model.
    """
    for layer in model.layers:
        if isinstance(layer, SegmentConsensus):
            classifier = layer.input._keras_history.operation
            return classifier.input, layer.num_segments
    return None


def output_names(model: keras.Model) -> list[str]:
    """Returns the names of the outputs of `frozen_function`: `logits`, `probabilities`, ..."""
    return [
        f"{task_prefix(task)}{kind}"
        for task in task_logits(model.output)
        for kind in ("logits", "probabilities")
    ]


def named_function(
    model: keras.Model, batch_size: int | None = None
) -> tf.types.experimental.PolymorphicFunction:
    """Returns `frozen_function` with one input, `clip`, and a dictionary of outputs."""
    frozen, names = frozen_function(model, batch_size), output_names(model)
    spec = tf.TensorSpec([batch_size, *model.input_shape[1:]], tf.uint8, name="clip")

    @tf.function(autograph=False, input_signature=[spec])
    def serve(clip):
        return dict(zip(names, tf.nest.flatten(frozen(clip)), strict=True))

    return serve
