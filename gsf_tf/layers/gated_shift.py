from collections.abc import Callable
from math import prod
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras.initializers import Initializer

from gsf_tf import ops
from gsf_tf.layers.arguments import check_causal, check_feature_map
from gsf_tf.layers.batch_normalization import BatchNormalization, unbiased
from gsf_tf.layers.temporal_layer import TemporalLayer
from gsf_tf.ops.reference.gate_shift_fuse import fuse, interleave, learned_gate, shift_halves


class GatedShift(TemporalLayer):
    """Base class of `GateShift` (GSM) and `GateShiftFuse` (GSF), which differ in the fusion only.

    The first channels, a share of `channel_ratio`, are processed in two halves X1 and X2; the other
    channels pass unchanged. Subclasses define by `fusion` and `fusion_weights` how the shifted and
    the residual part are combined. Then the channels of each half are interleaved:
    `new[2 i + j] = old[j n + i]`, n a quarter of the processed channels. The gate is computed from
    `ReLU(BN(X))` but multiplies X itself. These two details are not in the papers; the networks of
    the published results have both.

    Args:
        num_segments: Integer >= 1. Frames per clip, T.
        channel_ratio: Share of the channels that is processed, in (0, 1].
        gate: `"learned"`, or the fixed value of all gates: 1, -1 or 0.
        gate_initializer: Initializer of the gate's kernel.
        gate_bias_initializer: Callable from the number of processed channels to the initializer of
            the gate's bias.
        momentum: Momentum of the moving statistics of the batch normalization, in [0, 1).
        epsilon: Small number that the batch normalization adds to the variance.
        synchronized: Whether the batch normalization takes the statistics over all replicas of a
            `tf.distribute` strategy; the layer then runs on its reference path in training.
        causal: Whether no frame reads a later one.
        **kwargs: Arguments of `keras.layers.Layer`.
    """

    reorders_channels = True

    def __init__(
        self,
        num_segments: int,
        channel_ratio: float,
        gate: str | int,
        gate_initializer: Initializer | str,
        gate_bias_initializer: Callable[[int], Initializer | str],
        momentum: float,
        epsilon: float,
        synchronized: bool,
        causal: bool,
        **kwargs: Any,
    ):
        super().__init__(num_segments, **kwargs)
        if not 0 < channel_ratio <= 1:
            raise ValueError(
                "`channel_ratio`, the share of the channels that is processed, must be in (0, 1]. "
                f"Received: channel_ratio={channel_ratio!r}"
            )
        if gate not in ("learned", 1, -1, 0):
            raise ValueError(f"`gate` must be 'learned', 1, -1 or 0. Received: gate={gate!r}")
        self.channel_ratio = float(channel_ratio)
        self.gate = gate
        self.gate_initializer = gate_initializer
        self.gate_bias_initializer = gate_bias_initializer
        self.momentum = momentum
        self.epsilon = epsilon
        self.synchronized = synchronized
        self.causal = check_causal(causal)
        if gate == "learned":
            self.normalization = BatchNormalization(
                momentum=momentum,
                epsilon=epsilon,
                synchronized=synchronized,
                dtype=self.dtype_policy,
                name="normalization",
            )
        self.op = "gate_shift_fuse" if gate == "learned" else "temporal_shift"
        self.supports_jit = ops.implementation_of(self.op) == "reference"

    def processed_channels(self, channels: int) -> int:
        """Returns the number of channels that are gated, shifted and fused.

        Args:
            channels: Number of channels of the input.

        Raises:
            ValueError: If the result is not a positive multiple of 4.
        """
        processed = int(channels * self.channel_ratio)
        processed += processed % 2
        if processed == 0 or processed % 4:
            raise ValueError(
                "The number of processed channels, int(channels * channel_ratio) rounded up to "
                "an even number, must be a positive multiple of 4: two halves of two "
                f"interleaved parts. Received: channels={channels}, "
                f"channel_ratio={self.channel_ratio}, which result in {processed}"
            )
        return processed

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self._channels = check_feature_map(self.name, input_shape)
        self._processed = self.processed_channels(self._channels)
        if self.gate == "learned":
            self.normalization.build((*input_shape[:-1], self._processed))
            self.gate_kernel = self.add_weight(
                shape=(3, 3, 3, self._processed // 2, 2),
                initializer=self.gate_initializer,
                name="gate_kernel",
                autocast=False,
            )
            self.gate_bias = self.add_weight(
                shape=(2,),
                initializer=self.gate_bias_initializer(self._processed),
                name="gate_bias",
                autocast=False,
            )

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        if self.gate != "learned":
            # The controls of Table 5: every gate is the same number, so no BN is needed.
            return self._composed(inputs, self.gate)
        normalization = self.normalization
        # As in Keras' own layer, a frozen normalization uses its moving statistics unchanged.
        training = bool(training) and normalization.trainable
        if training and normalization.over_replicas():
            # The op would use the statistics of this replica's batch only.
            normalized = normalization(inputs[..., : self._processed], training=True)
            activated = keras.ops.relu(normalized)
            gate = learned_gate(
                activated, self.gate_kernel, self.gate_bias, self.num_segments, self.causal
            )
            return self._composed(inputs, gate)
        outputs, mean, variance = ops.gate_shift_fuse(
            inputs,
            normalization.gamma,
            normalization.beta,
            normalization.moving_mean,
            normalization.moving_variance,
            self.gate_kernel,
            self.gate_bias,
            *self.fusion_weights(),
            num_segments=self.num_segments,
            fusion=self.fusion,
            epsilon=normalization.epsilon,
            training=training,
            causal=self.causal,
        )
        if training:
            normalization.keep_statistics(mean, unbiased(variance, inputs))
        return outputs

    def _composed(self, inputs, gate):
        shifted, residual = self._shifted_and_residual(inputs, gate)
        weights = self.fusion_weights()
        fused = fuse(shifted, residual, self.num_segments, self.fusion, *weights, self.causal)
        outputs = [interleave(fused)]
        if self._processed < inputs.shape[-1]:
            outputs.append(inputs[..., self._processed :])
        return keras.ops.concatenate(outputs, axis=-1)

    def _shifted_and_residual(self, inputs, gate):
        x = inputs[..., : self._processed]
        gated = gate * x
        if self.causal:
            shifted = shift_halves(gated, self.num_segments, causal=True)
        else:
            shifted = ops.temporal_shift(gated, self.num_segments, self._processed // 2)
        return shifted, x - gated

    def fusion_weights(self) -> tuple[tf.Tensor | None, tf.Tensor | None]:
        """Returns kernel and bias of the fusion in the form of `gsf_tf.ops.gate_shift_fuse`."""
        return None, None

    def gates(self, inputs: tf.Tensor) -> tf.Tensor:
        """Returns the gates of the two halves at inference, `[B * T, H, W, 2]` in (-1, 1).

        Args:
            inputs: Input of the layer.

        Raises:
            ValueError: If the gates are fixed (`gate` is not `"learned"`).
        """
        if self.gate != "learned":
            raise ValueError(
                f"`gates` needs a layer whose gate is learned. Received: {self.name!r} with "
                f"gate={self.gate!r}"
            )
        return self._channel_gates(inputs)[..., :: self._processed // 2]

    def _channel_gates(self, inputs):
        processed = keras.ops.cast(inputs[..., : self._processed], self.compute_dtype)
        activated = keras.ops.relu(self.normalization(processed, training=False))
        return learned_gate(
            activated, self.gate_kernel, self.gate_bias, self.num_segments, self.causal
        )

    @property
    def has_identity_start(self) -> bool:
        """Whether gates of zero are possible: False if they are fixed at 1 or -1."""
        return self.gate in ("learned", 0)

    def start_as_identity(self) -> tuple[np.ndarray, np.ndarray]:
        """Closes the gates and makes the fusion a constant; see `TemporalLayer`.

        With gates of zero, `Y = 0` and `R = X`, so the layer interleaves its processed channels
        and multiplies them by `1 - F` (GSF) or 1 (GSM).

        Returns:
            `(order, scale)`, as `TemporalLayer` says.

        Raises:
            ValueError: If the gate is fixed at 1 or -1.
        """
        if not self.has_identity_start:
            return super().start_as_identity()
        if self.gate == "learned":
            self.gate_kernel.assign(keras.ops.zeros_like(self.gate_kernel))
            self.gate_bias.assign(keras.ops.zeros_like(self.gate_bias))
        order = np.arange(self._channels)
        order[: self._processed] = interleave(order[None, : self._processed])[0]
        scale = np.ones(self._channels)
        scale[: self._processed] = self.start_of_fusion()
        return order, scale

    def start_of_fusion(self) -> float:
        """Makes the fusion a constant and returns the factor `1 - F` of the residual part."""
        return 1.0

    def count_macs(
        self, input_shape: tuple[int, ...], output_shape: tuple[int, ...]
    ) -> tuple[int, int]:
        """Returns the MACs of the gate and its normalization; see `TemporalLayer.count_macs`."""
        if self.gate != "learned":
            return 0, 0
        positions = prod(input_shape[:-1])
        normalization = 4 * positions * self.processed_channels(input_shape[-1])
        bias = positions * prod(self.gate_bias.shape)
        return positions * prod(self.gate_kernel.shape), bias + normalization

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config.update(
            channel_ratio=self.channel_ratio,
            momentum=self.momentum,
            epsilon=self.epsilon,
            synchronized=self.synchronized,
            causal=self.causal,
        )
        return config
