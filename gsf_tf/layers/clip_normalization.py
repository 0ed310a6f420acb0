from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from gsf_tf.keras_settings import check_image_data_format


@keras.saving.register_keras_serializable(package="gsf_tf")
class ClipNormalization(keras.layers.Layer):
    """Normalizes frames in 0..255 as in the training of the backbone: `(x - mean) / std`.

    The input is uint8 or float and is not clipped. The computation is in float32; the output has
    the layer's compute dtype.

    Args:
        mean: Three numbers in 0..255, in the backbone's channel order.
        std: Three positive numbers in units of 0..255, in the backbone's channel order.
        channel_order: The backbone's channel order, `"rgb"` or `"bgr"`. The input is RGB.
        **kwargs: Arguments of `keras.layers.Layer`.

    Input shape:
        `[..., 3]`

    Output shape:
        The same as the input.

    Raises:
        ValueError: If an argument breaks these rules.

    Example:

    ```python
    normalization = gsf_tf.layers.ClipNormalization(
        mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375)
    )
    y = normalization(tf.zeros([2, 8, 224, 224, 3], tf.uint8))
    ```
    """

    def __init__(
        self, mean: Sequence[float], std: Sequence[float], channel_order: str = "rgb", **kwargs: Any
    ):
        check_image_data_format()
        # Without autocast, uint8 input stays uint8, and float input float32 under every policy.
        super().__init__(autocast=False, **kwargs)
        if len(mean) != 3 or len(std) != 3 or min(std) <= 0:
            raise ValueError(
                "`mean` and `std` must have three numbers each, those of `std` positive. "
                f"Received: mean={mean!r}, std={std!r}"
            )
        if channel_order not in ("rgb", "bgr"):
            raise ValueError(f"`channel_order` must be 'rgb' or 'bgr'. Received: {channel_order!r}")
        self.mean = [float(value) for value in mean]
        self.std = [float(value) for value in std]
        self.channel_order = channel_order

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        x = keras.ops.cast(inputs, "float32")
        if self.channel_order == "bgr":
            x = keras.ops.flip(x, axis=-1)
        x = (x - keras.ops.array(self.mean)) / keras.ops.array(self.std)
        return keras.ops.cast(x, self.compute_dtype)

    def compute_output_spec(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        return keras.KerasTensor(inputs.shape, dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config.update(mean=self.mean, std=self.std, channel_order=self.channel_order)
        return config
