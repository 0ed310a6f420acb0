from typing import Any

import keras
import tensorflow as tf

from gsf_tf.keras_settings import check_image_data_format


@keras.saving.register_keras_serializable(package="gsf_tf")
class FoldSegments(keras.layers.Layer):
    """Folds the segment axis of a clip into the batch, so that 2D layers can process frames.

    Args:
        **kwargs: Arguments of `keras.layers.Layer`.

    Input shape:
        `[B, T, H, W, C]`

    Output shape:
        `[B * T, H, W, C]`, the frames of a clip next to each other.

    Raises:
        ValueError: If the input has another rank.
    """

    def __init__(self, **kwargs: Any):
        check_image_data_format()
        # Half precision would round pixels that are not integers, so there is no autocast.
        super().__init__(autocast=False, **kwargs)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        height, width, channels = self.compute_output_shape(inputs.shape)[1:]
        shape = keras.ops.shape(inputs)
        return keras.ops.reshape(inputs, (-1, height or shape[2], width or shape[3], channels))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        if len(input_shape) != 5:
            raise ValueError(
                "A clip must have the shape `[batch, num_segments, height, width, channels]`. "
                f"Received: shape={tuple(input_shape)}"
            )
        batch, segments, *frame = input_shape
        frames = batch * segments if batch is not None and segments is not None else None
        return (frames, *frame)

    def get_config(self) -> dict[str, Any]:
        # Keras' own needs arguments that are plain values, which a `DTypePolicy` is not.
        return super().get_config()
