from typing import Any

import keras
import tensorflow as tf

from gsf_tf.layers.arguments import check_num_segments


@keras.saving.register_keras_serializable(package="gsf_tf")
class SegmentConsensus(keras.layers.Layer):
    """Averages the predictions of the frames of a clip.

    The computation and the output are in float32, for float64 input in float64.

    Args:
        num_segments: Integer >= 1. Frames per clip, T.
        **kwargs: Arguments of `keras.layers.Layer`.

    Input shape:
        `[B * T, K]`, the frames of a clip next to each other.

    Output shape:
        `[B, K]`

    Example:

    ```python
    logits = gsf_tf.layers.SegmentConsensus(num_segments=8)(frame_logits)
    ```

    Reference:
        Wang et al., Temporal Segment Networks, ECCV 2016; GSF paper, section 3.2.
    """

    def __init__(self, num_segments: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.num_segments = check_num_segments(num_segments)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        if len(input_shape) != 2:
            raise ValueError(
                "The input of SegmentConsensus must have one row of scores per frame, "
                f"`[batch * num_segments, classes]`. Received: shape={tuple(input_shape)}"
            )

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        scores = keras.ops.cast(inputs, _output_dtype(inputs))
        per_clip = keras.ops.reshape(scores, (-1, self.num_segments, inputs.shape[-1]))
        return keras.ops.mean(per_clip, axis=1)

    def compute_output_spec(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        batch = None if inputs.shape[0] is None else inputs.shape[0] // self.num_segments
        return keras.KerasTensor((batch, inputs.shape[-1]), dtype=_output_dtype(inputs))

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config.update({"num_segments": self.num_segments})
        return config


def _output_dtype(inputs):
    return keras.backend.result_type(inputs.dtype, "float32")
