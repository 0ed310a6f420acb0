from typing import Any

import keras
import tensorflow as tf

from gsf_tf import ops
from gsf_tf.layers.arguments import check_causal, check_feature_map
from gsf_tf.layers.temporal_layer import TemporalLayer


@keras.saving.register_keras_serializable(package="gsf_tf")
class TemporalShift(TemporalLayer):
    """Temporal Shift Module (TSM): moves a share of the channels by one frame.

    With `fold = channels // fold_div`, the first `fold` channels of frame t are replaced by those
    of frame t + 1, the next `fold` channels by those of frame t - 1, and the rest stays; frames
    beyond the ends of the clip are zeros. The layer has no weights. In TSM it is the first layer of
    every residual branch, and the identity path is not shifted.

    Args:
        num_segments: Integer >= 1. Frames per clip, T.
        fold_div: Integer >= 2. In each direction, `channels // fold_div` channels move; 8 in TSM,
            so a quarter of the channels moves.
        causal: Whether no frame reads a later one, for video without an end: the first `fold`
            channels stay too.
        **kwargs: Arguments of `keras.layers.Layer`.

    Input shape:
        `[B * T, H, W, C]`, the frames of a clip next to each other.

    Output shape:
        The same as the input.

    Raises:
        ValueError: If `fold_div` or `num_segments` breaks these rules.

    Example:

    ```python
    shift = gsf_tf.layers.TemporalShift(num_segments=8)
    y = shift(keras.random.normal((2 * 8, 14, 14, 64)))
    ```

    Reference:
        Lin et al., TSM: Temporal Shift Module for Efficient Video Understanding, ICCV
        2019; in the GSF paper, section 2.2 and Table 5 (gate 1, fusion by sum).
    """

    method = "tsm"
    op = "temporal_shift"

    def __init__(self, num_segments: int, fold_div: int = 8, causal: bool = False, **kwargs: Any):
        super().__init__(num_segments, **kwargs)
        if int(fold_div) != fold_div or fold_div < 2:
            raise ValueError(
                "`fold_div` must be an integer >= 2, because two folds must fit into the "
                f"channels. Received: fold_div={fold_div!r}"
            )
        self.fold_div = int(fold_div)
        self.causal = check_causal(causal)
        self.supports_jit = ops.implementation_of(self.op) == "reference"

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        check_feature_map(self.name, input_shape)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        fold = inputs.shape[-1] // self.fold_div
        return ops.temporal_shift(inputs, self.num_segments, fold, self.causal)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config.update(fold_div=self.fold_div, causal=self.causal)
        return config
