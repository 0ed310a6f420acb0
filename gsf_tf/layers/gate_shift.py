import keras

from gsf_tf.layers.gated_shift import GatedShift


@keras.saving.register_keras_serializable(package="gsf_tf")
class GateShift(GatedShift):
    """Gate-Shift Module (GSM): GSF's predecessor, which sums instead of fusing.

    `Z = shift(Y) + R` with `Y = tanh(Wg * X) . X` and `R = X - Y`, in two halves as in
    `GateShiftFuse`. The gate's convolution starts at zero, so an untrained layer is the identity
    but for the channel interleave.

    Args:
        num_segments: Integer >= 1. Frames per clip, T.
        channel_ratio: Share of the channels that is processed, in (0, 1]; as in `GateShiftFuse`.
        momentum: Momentum of the moving statistics of the batch normalization.
        epsilon: Added to the variance in the batch normalization.

    Input shape:
        `[B * T, H, W, C]`, frames of a clip next to each other.

    Output shape:
        The input's.

    Example:

    ```python
    gsm = gsf_tf.layers.GateShift(num_segments=8)
    y = gsm(keras.random.normal((2 * 8, 14, 14, 64)))
    ```

    Reference:
        Sudhakaran, Escalera and Lanz, Gate-Shift Networks for Video Action Recognition, CVPR
        2020; GSF paper, equations (1)-(6) and Table 5 (gate learned, fusion by sum).
    """

    method = "gsm"
    fusion = "sum"

    def __init__(self, num_segments, channel_ratio=1.0, momentum=0.9, epsilon=1e-5, **kwargs):
        super().__init__(
            num_segments,
            channel_ratio,
            "learned",
            gate_initializer="zeros",
            gate_bias_initializer=lambda channels: "zeros",
            momentum=momentum,
            epsilon=epsilon,
            **kwargs,
        )

    def get_config(self):
        config = super().get_config()
        config.update(
            channel_ratio=self.channel_ratio,
            momentum=self.momentum,
            epsilon=self.epsilon,
        )
        return config
