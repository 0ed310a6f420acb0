from math import prod

import keras

from gsf_tf.layers.gated_shift import GatedShift

PYTORCH_UNIFORM = {"scale": 1 / 3, "mode": "fan_in", "distribution": "uniform"}


@keras.saving.register_keras_serializable(package="gsf_tf")
class GateShiftFuse(GatedShift):
    """Gate-Shift-Fuse (GSF): gates features, shifts them in time and fuses them again.

    The first `channel_ratio` of the channels is processed in two halves X1 and X2; the
    rest passes untouched. For each half i, with the paper's equations beside the places of the
    code: the functions of `gsf_tf/ops/reference/gate_shift_fuse.py`, and the passes of the
    compiled kernel in `custom_ops/kernels/gate_shift_fuse_*.cc`.

    | equation | reference | compiled |
    |---|---|---|
    | (1), (2) `Y = tanh(Wg * X) . X` | `learned_gate`, `gated` | `GateTaps`, `Gate` |
    | (3), (4) `R = X - Y` | `chosen - gated` | `Output` |
    | (5), (6) `Y_shift = shift(Y)`: half 1 reads frame t + 1, half 2 t - 1 | `shifted` | `Output` |
    | (7), (8) `F = sigmoid(Wf * mean(Y_shift; R))` | `fusion_weight` | `Means`, `FusionWeight` |
    | (9), (10) `Z = F . Y_shift + (1 - F) . R` | `fuse` | `Output` |

    Details that the equations leave out: the gate reads `ReLU(BN(X))` while it multiplies X
    itself, both convolutions have biases, and after the fusion the channels are interleaved
    inside each half (see `GatedShift`).

    The options are those of the paper's ablation, Table 5: `gate="learned"` with
    `fusion="learned"` is GSF; with `fusion="sum"`, a gate that is learned gives GSM, 1 gives
    TSM on all channels, -1 a temporal difference (TDN) and 0 no temporal interaction (TSN).

    Args:
        num_segments: Integer >= 1. Frames per clip, T.
        channel_ratio: Share of the channels that is processed, in (0, 1]. The number of
            processed channels is `int(C * channel_ratio)`, one more if that is odd, and must be
            divisible by 4.
        gate: `"learned"`, or the number that every gate is fixed at: 1, -1 or 0.
        fusion: `"learned"`, or `"sum"` for `Z = Y_shift + R`.
        fusion_initializer: Initializer of the two fusion kernels. `None` is PyTorch's
            default, uniform within `1 / sqrt(fan_in)`; the authors' ResNets use
            Kaiming normal by fan-out, `"he_fan_out"`.
        momentum: Momentum of the moving statistics of the batch normalization.
        epsilon: Added to the variance in the batch normalization.

    Input shape:
        `[B * T, H, W, C]`, frames of a clip next to each other.

    Output shape:
        The input's.

    Example:

    ```python
    gsf = gsf_tf.layers.GateShiftFuse(num_segments=8, channel_ratio=0.25)
    y = gsf(keras.random.normal((2 * 8, 14, 14, 64)))
    ```

    Reference:
        Sudhakaran, Escalera and Lanz, Gate-Shift-Fuse for Video Action Recognition, 2023,
        section 3.1, equations (1)-(10); Tables 2, 4 (share of channels) and 5 (options).
    """

    method = "gsf"

    def __init__(
        self,
        num_segments,
        channel_ratio=1.0,
        gate="learned",
        fusion="learned",
        fusion_initializer=None,
        momentum=0.9,
        epsilon=1e-5,
        **kwargs,
    ):
        super().__init__(
            num_segments,
            channel_ratio,
            gate,
            gate_initializer=keras.initializers.VarianceScaling(**PYTORCH_UNIFORM),
            gate_bias_initializer=lambda channels: _uniform(fan_in=27 * channels // 2),
            momentum=momentum,
            epsilon=epsilon,
            **kwargs,
        )
        if fusion not in ("learned", "sum"):
            raise ValueError(f"`fusion` must be 'learned' or 'sum'. Received: fusion={fusion!r}")
        self.fusion = fusion
        self.fusion_initializer = fusion_initializer

    def build(self, input_shape):
        super().build(input_shape)
        if self.fusion == "sum":
            return
        self.fusion_kernels, self.fusion_biases = [], []
        for half in (1, 2):
            self.fusion_kernels.append(
                self.add_weight(
                    shape=(3, 3, 2, 1),
                    initializer=self._fusion_initializer(),
                    name=f"fusion_kernel_{half}",
                    autocast=False,
                )
            )
            self.fusion_biases.append(
                self.add_weight(
                    shape=(1,),
                    initializer=_uniform(fan_in=18),
                    name=f"fusion_bias_{half}",
                    autocast=False,
                )
            )

    def _fusion_initializer(self):
        if self.fusion_initializer is None:
            return keras.initializers.VarianceScaling(**PYTORCH_UNIFORM)
        if self.fusion_initializer == "he_fan_out":
            return keras.initializers.VarianceScaling(2, "fan_out", "untruncated_normal")
        return keras.initializers.get(self.fusion_initializer)

    def fusion_weights(self):
        if self.fusion == "sum":
            return super().fusion_weights()
        kernels = keras.ops.stack([kernel[..., 0] for kernel in self.fusion_kernels])
        return kernels, keras.ops.concatenate(self.fusion_biases)

    def count_macs(self, input_shape, output_shape):
        """Returns the work of the gate and of the fusion's convolutions; the means are free.

        A fusion's convolution runs over the (channel, time) plane of one half.
        """
        macs, extra = super().count_macs(input_shape, output_shape)
        if self.fusion == "sum":
            return macs, extra
        outputs = input_shape[0] * self.processed_channels(input_shape[-1]) // 2
        macs += outputs * sum(prod(kernel.shape) for kernel in self.fusion_kernels)
        return macs, extra + outputs * len(self.fusion_biases)

    def get_config(self):
        config = super().get_config()
        initializer = self.fusion_initializer
        if isinstance(initializer, keras.initializers.Initializer):
            initializer = keras.initializers.serialize(initializer)
        config.update(
            channel_ratio=self.channel_ratio,
            gate=self.gate,
            fusion=self.fusion,
            fusion_initializer=initializer,
            momentum=self.momentum,
            epsilon=self.epsilon,
        )
        return config


def _uniform(fan_in):
    return keras.initializers.RandomUniform(-(fan_in**-0.5), fan_in**-0.5)
