import keras

from gsf_tf import ops
from gsf_tf.layers.arguments import check_feature_map, check_num_segments
from gsf_tf.layers.attention_shift import REACH
from gsf_tf.ops.reference.rubiks_shift import temporal_taps


@keras.saving.register_keras_serializable(package="gsf_tf")
class IntegerShift(keras.layers.Layer):
    """Moves every channel by -1, 0 or 1 frame: what an annealed `AttentionShift` becomes.

    Positive reads later; beyond the ends of the clip there are zeros. The layer trains nothing;
    `gsf_tf.models.harden` sets its shifts.

    Args:
        num_segments: Integer >= 1. Frames per clip, T.

    Input shape:
        `[B * T, H, W, C]`, frames of a clip next to each other.

    Output shape:
        The input's.

    Example:

    ```python
    shift = gsf_tf.layers.IntegerShift(num_segments=8)
    y = shift(keras.random.normal((2 * 8, 14, 14, 64)))
    ```

    Reference:
        RubiksNet paper, Figure 3 (b).
    """

    def __init__(self, num_segments, **kwargs):
        super().__init__(**kwargs)
        self.num_segments = check_num_segments(num_segments)
        self.supports_jit = ops.implementation_of("rubiks_shift") == "reference"

    def build(self, input_shape):
        self.shift = self.add_weight(
            shape=(check_feature_map(self.name, input_shape),),
            initializer="zeros",
            trainable=False,
            dtype="int32",
            name="shift",
        )

    def call(self, inputs):
        if ops.implementation_of("rubiks_shift") == "compiled":
            temporal = keras.ops.cast(self.shift, "float32")
            still = keras.ops.zeros_like(temporal)
            shift = keras.ops.stack([temporal, still, still])
            return ops.rubiks_shift(inputs, shift, self.num_segments)
        taps = keras.ops.one_hot(self.shift + REACH, 2 * REACH + 1, axis=0, dtype=inputs.dtype)
        return temporal_taps(inputs, taps, self.num_segments)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        config = super().get_config()
        config.update(num_segments=self.num_segments)
        return config
