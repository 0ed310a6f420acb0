from math import exp, prod
from typing import Any

import keras
import tensorflow as tf
from keras.initializers import Initializer

from gsf_tf.layers.gated_shift import GatedShift
from gsf_tf.ops.reference.gate_shift_fuse import fusion_weight

PYTORCH_UNIFORM = {"scale": 1 / 3, "mode": "fan_in", "distribution": "uniform"}

# F = sigmoid(0) = 1/2 at an identity start: shifted and residual features count alike, as in GSM.
IDENTITY_FUSION_BIAS = 0.0


@keras.saving.register_keras_serializable(package="gsf_tf")
class GateShiftFuse(GatedShift):
    """Gate-Shift-Fuse (GSF): gates features, shifts them in time and fuses them again.

    The first channels, a share of `channel_ratio`, are processed in two halves X1 and X2; the other
    channels pass unchanged. The table shows the computation of each half: the paper's equations,
    the functions and variables in `gsf_tf/ops/reference/gate_shift_fuse.py`, and the passes of the
    compiled kernel in `custom_ops/kernels/gate_shift_fuse_*.cc`.

    | equation | reference | compiled |
    |---|---|---|
    | (1), (2) `Y = tanh(Wg * X) . X` | `learned_gate`, `gated` | `GateTaps`, `Gate` |
    | (3), (4) `R = X - Y` | `chosen - gated` | `Output` |
    | (5), (6) `Y_shift = shift(Y)`: half 1 reads frame t + 1, half 2 t - 1 | `shifted` | `Output` |
    | (7), (8) `F = sigmoid(Wf * mean(Y_shift; R))` | `fusion_weight` | `Means`, `FusionWeight` |
    | (9), (10) `Z = F . Y_shift + (1 - F) . R` | `fuse` | `Output` |

    Three details are not in the equations: the gate is computed from `ReLU(BN(X))` but multiplies X
    itself, both convolutions have biases, and after the fusion the channels of each half are
    interleaved, `new[2 i + j] = old[j n + i]` with n a quarter of the processed channels.

    The options are those of the paper's ablation, Table 5: `gate="learned"` with
    `fusion="learned"` is GSF. With `fusion="sum"`, a learned gate is GSM and starts at zero as in
    `GateShift`, a gate of 1 is TSM on all channels, -1 is a temporal difference (TDN), and 0 has no
    temporal interaction (TSN).

    Args:
        num_segments: Integer >= 1. Frames per clip, T.
        channel_ratio: Share of the channels that is processed, in (0, 1]. The number of
            processed channels is `int(C * channel_ratio)`, plus one if that is odd, and must be a
            positive multiple of 4.
        gate: `"learned"`, or the fixed value of all gates: 1, -1 or 0.
        fusion: `"learned"`, or `"sum"` for `Z = Y_shift + R`.
        fusion_initializer: Initializer of the two fusion kernels. `None` is PyTorch's
            default, uniform within `1 / sqrt(fan_in)`. `"he_fan_out"` is Kaiming normal by
            fan-out, which the authors' ResNets use.
        momentum: Momentum of the moving statistics of the batch normalization, in [0, 1).
        epsilon: Small number that the batch normalization adds to the variance.
        synchronized: Whether the batch normalization takes the statistics over all replicas of a
            `tf.distribute` strategy; the layer then runs on its reference path in training.
        causal: Whether no frame reads a later one, for video without an end: the convolutions over
            time are centered on frame t - 1, which both halves then read. The weights have the same
            shapes, so those of the plain layer can start the causal one.
        **kwargs: Arguments of `keras.layers.Layer`.

    Input shape:
        `[B * T, H, W, C]`, the frames of a clip next to each other.

    Output shape:
        The same as the input.

    Raises:
        ValueError: If an argument breaks these rules, or the number of processed channels is not a
            positive multiple of 4.

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
        num_segments: int,
        channel_ratio: float = 1.0,
        gate: str | int = "learned",
        fusion: str = "learned",
        fusion_initializer: Initializer | str | dict | None = None,
        momentum: float = 0.9,
        epsilon: float = 1e-5,
        synchronized: bool = False,
        causal: bool = False,
        **kwargs: Any,
    ):
        is_gsm = fusion == "sum"
        super().__init__(
            num_segments,
            channel_ratio,
            gate,
            gate_initializer=(
                "zeros" if is_gsm else keras.initializers.VarianceScaling(**PYTORCH_UNIFORM)
            ),
            gate_bias_initializer=lambda channels: (
                "zeros" if is_gsm else _uniform(fan_in=27 * channels // 2)
            ),
            momentum=momentum,
            epsilon=epsilon,
            synchronized=synchronized,
            causal=causal,
            **kwargs,
        )
        if fusion not in ("learned", "sum"):
            raise ValueError(f"`fusion` must be 'learned' or 'sum'. Received: fusion={fusion!r}")
        self.fusion = fusion
        if isinstance(fusion_initializer, dict):  # From `get_config`.
            fusion_initializer = keras.initializers.get(fusion_initializer)
        self.fusion_initializer = fusion_initializer

    def build(self, input_shape: tuple[int | None, ...]) -> None:
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
        # A copy, because an initializer without a seed draws the same values whenever it is called.
        return keras.initializers.get(self.fusion_initializer).clone()

    def fusion_weights(self) -> tuple[tf.Tensor | None, tf.Tensor | None]:
        if self.fusion == "sum":
            return super().fusion_weights()
        kernels = keras.ops.stack([kernel[..., 0] for kernel in self.fusion_kernels])
        return kernels, keras.ops.concatenate(self.fusion_biases)

    def fusions(self, inputs: tf.Tensor) -> tf.Tensor:
        """Returns the fusion weights F at inference, `[B * T, 2, P / 2]` in (0, 1).

        F is the share of the shifted features in the output and 1 - F that of the residual ones,
        equations (7)-(10): one number per frame, half and channel of the half.

        Args:
            inputs: Input of the layer.

        Raises:
            ValueError: If the fusion is a sum, which has no weights.
        """
        if self.fusion == "sum":
            raise ValueError(
                "`fusions` needs a layer whose fusion is learned. "
                f"Received: {self.name!r} with fusion='sum'"
            )
        inputs = keras.ops.cast(inputs, self.compute_dtype)
        gate = self.gate if self.gate != "learned" else self._channel_gates(inputs)
        parts = self._shifted_and_residual(inputs, gate)
        weight = fusion_weight(*parts, self.num_segments, *self.fusion_weights(), self.causal)
        return keras.ops.reshape(weight, (-1, 2, weight.shape[-1] // 2))

    def start_of_fusion(self) -> float:
        if self.fusion == "sum":
            return super().start_of_fusion()
        for kernel, bias in zip(self.fusion_kernels, self.fusion_biases, strict=True):
            kernel.assign(keras.ops.zeros_like(kernel))
            bias.assign(keras.ops.full_like(bias, IDENTITY_FUSION_BIAS))
        return 1 - 1 / (1 + exp(-IDENTITY_FUSION_BIAS))

    def count_macs(
        self, input_shape: tuple[int, ...], output_shape: tuple[int, ...]
    ) -> tuple[int, int]:
        """Returns the MACs of the gate and of the fusion; see `TemporalLayer.count_macs`.

        Each of the two fusion convolutions runs over the (channel, time) plane of one half. The
        spatial means count as free.
        """
        macs, extra = super().count_macs(input_shape, output_shape)
        if self.fusion == "sum":
            return macs, extra
        outputs = input_shape[0] * self.processed_channels(input_shape[-1]) // 2
        macs += outputs * sum(prod(kernel.shape) for kernel in self.fusion_kernels)
        return macs, extra + outputs * len(self.fusion_biases)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        initializer = self.fusion_initializer
        if isinstance(initializer, keras.initializers.Initializer):
            initializer = keras.initializers.serialize(initializer)
        config.update(gate=self.gate, fusion=self.fusion, fusion_initializer=initializer)
        return config


def _uniform(fan_in):
    return keras.initializers.RandomUniform(-(fan_in**-0.5), fan_in**-0.5)
