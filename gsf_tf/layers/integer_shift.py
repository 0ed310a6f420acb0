from typing import Any

import keras
import tensorflow as tf

from gsf_tf import ops
from gsf_tf.layers.arguments import check_feature_map
from gsf_tf.layers.attention_shift import REACH
from gsf_tf.layers.temporal_layer import TemporalLayer
from gsf_tf.ops.reference.rubiks_shift import temporal_taps


@keras.saving.register_keras_serializable(package="gsf_tf")
class IntegerShift(TemporalLayer):
    """Temporal shift of every channel by -1, 0 or 1 frame, which replaces an `AttentionShift`.

    A shift of 1 reads the next frame; frames beyond the ends of the clip are zeros. The layer has
    no trainable weights: `gsf_tf.models.harden` sets its shifts.

    Args:
        num_segments: Integer >= 1. Frames per clip, T.
        **kwargs: Arguments of `keras.layers.Layer`.

    Input shape:
        `[B * T, H, W, C]`, the frames of a clip next to each other.

    Output shape:
        The same as the input.

    Example:

    ```python
    shift = gsf_tf.layers.IntegerShift(num_segments=8)
    y = shift(keras.random.normal((2 * 8, 14, 14, 64)))
    ```

    Reference:
        RubiksNet paper, Figure 3 (b).
    """

    method = "rubiksnet"
    op = "rubiks_shift"

    def __init__(self, num_segments: int, **kwargs: Any):
        super().__init__(num_segments, **kwargs)
        self.supports_jit = ops.implementation_of(self.op) == "reference"

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.shift = self.add_weight(
            shape=(check_feature_map(self.name, input_shape),),
            initializer="zeros",
            trainable=False,
            dtype="int32",
            name="shift",
        )

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        if ops.implementation_of(self.op) == "compiled":
            temporal = keras.ops.cast(self.shift, "float32")
            still = keras.ops.zeros_like(temporal)
            shift = keras.ops.stack([temporal, still, still])
            return ops.rubiks_shift(inputs, shift, self.num_segments)
        taps = keras.ops.one_hot(self.shift + REACH, 2 * REACH + 1, axis=0, dtype=inputs.dtype)
        return temporal_taps(inputs, taps, self.num_segments)

    def channel_shifts(self) -> tf.Tensor:
        return keras.ops.cast(self.shift, "float32")[None]

    def count_macs(
        self, input_shape: tuple[int, ...], output_shape: tuple[int, ...]
    ) -> tuple[int, int]:
        return 0, 0

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape
