"""A step whose weights are constants."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2


def frozen_step(
    step: tf.types.experimental.ConcreteFunction, signature: Sequence[Any]
) -> tf.types.experimental.ConcreteFunction:
    """Returns a function like `step` that has constants in the place of variables.

    TensorFlow then prepares the filters once and multiplies normalizations into them.

    Args:
        step: Concrete function of a frame, a state and whether the frame is one of the stream.
        signature: The `tf.TensorSpec`s of its arguments.
    """
    constant = convert_variables_to_constants_v2(step)

    def run(*arguments):
        outputs = constant(*tf.nest.flatten(arguments))
        return tf.nest.pack_sequence_as(step.structured_outputs, outputs)

    # A function of its own: TensorFlow optimizes the graph of what it traces.
    return tf.function(run, input_signature=signature, autograph=False).get_concrete_function()
