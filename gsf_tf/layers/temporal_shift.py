import keras

from gsf_tf import ops
from gsf_tf.layers.arguments import check_feature_map
from gsf_tf.layers.temporal_layer import TemporalLayer


@keras.saving.register_keras_serializable(package="gsf_tf")
class TemporalShift(TemporalLayer):
    """Temporal Shift Module (TSM): moves a share of the channels by one frame.

    With `fold = channels // fold_div`, the first `fold` channels of frame t are replaced
    by those of frame t + 1, the next `fold` by those of frame t - 1 and the rest stays;
    what would come from outside the clip is zero. The layer has no weights. TSM places it
    at the start of every residual branch, and leaves the identity path alone.

    Args:
        num_segments: Integer >= 1. Frames per clip, T.
        fold_div: Integer >= 2. One part in `fold_div` of the channels moves in each
            direction; 8 in TSM, so a quarter of the channels moves.

    Input shape:
        `[B * T, H, W, C]`, frames of a clip next to each other.

    Output shape:
        The input's.

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

    def __init__(self, num_segments, fold_div=8, **kwargs):
        super().__init__(num_segments, **kwargs)
        if int(fold_div) != fold_div or fold_div < 2:
            raise ValueError(
                "`fold_div` must be an integer of at least 2, for two folds have to fit into "
                f"the channels. Received: fold_div={fold_div!r}"
            )
        self.fold_div = int(fold_div)
        self.supports_jit = ops.implementation_of(self.op) == "reference"

    def build(self, input_shape):
        check_feature_map(self.name, input_shape)

    def call(self, inputs):
        return ops.temporal_shift(inputs, self.num_segments, inputs.shape[-1] // self.fold_div)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        config = super().get_config()
        config.update(fold_div=self.fold_div)
        return config
