import keras

from gsf_tf import ops
from gsf_tf.layers.segment_axis import check_feature_map, check_num_segments


class GatedShift(keras.layers.Layer):
    """What `GateShift` (GSM) and `GateShiftFuse` (GSF) share: all but how the parts are fused.

    The first `channel_ratio` of the channels is processed in two halves X1 and X2; the rest
    passes untouched. A subclass says in `fuse` how the shifted and the residual part become one.
    After that the channels are interleaved inside each half: `new[2 i + j] = old[j n + i]`, n
    a quarter of the processed channels. The gate reads `ReLU(BN(X))` while it multiplies X
    itself. Neither detail is in the papers; the published numbers were made with both.

    One deviation: the moving variance is the biased one, as in every Keras batch
    normalisation (PyTorch keeps the unbiased one; they differ by a factor `N / (N - 1)`,
    N = B T H W).

    Args:
        num_segments: Integer >= 1. Frames per clip, T.
        channel_ratio: Share of the channels that is processed, in (0, 1].
        gate: `"learned"`, or the number that every gate is fixed at: 1, -1 or 0.
        gate_initializer: Initializer of the gate's kernel.
        gate_bias_initializer: Initializer of the gate's bias.
        momentum: Momentum of the moving statistics of the batch normalisation.
        epsilon: Added to the variance in the batch normalisation.
    """

    def __init__(
        self,
        num_segments,
        channel_ratio,
        gate,
        gate_initializer,
        gate_bias_initializer,
        momentum,
        epsilon,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_segments = check_num_segments(num_segments)
        if not 0 < channel_ratio <= 1:
            raise ValueError(
                "`channel_ratio` must be in (0, 1], the share of the channels that is "
                f"processed. Received: channel_ratio={channel_ratio!r}"
            )
        if gate not in ("learned", 1, -1, 0):
            raise ValueError(f"`gate` must be 'learned', 1, -1 or 0. Received: gate={gate!r}")
        self.channel_ratio = float(channel_ratio)
        self.gate = gate
        self.gate_initializer = gate_initializer
        self.gate_bias_initializer = gate_bias_initializer
        self.momentum = momentum
        self.epsilon = epsilon
        if gate == "learned":
            self.normalization = keras.layers.BatchNormalization(
                momentum=momentum, epsilon=epsilon, dtype=self.dtype_policy, name="normalization"
            )
        self.supports_jit = ops.implementation_of("temporal_shift") == "reference"

    def processed_channels(self, channels: int) -> int:
        """Returns how many of `channels` channels are gated, shifted and fused."""
        processed = int(channels * self.channel_ratio)
        processed += processed % 2
        if processed == 0 or processed % 4:
            raise ValueError(
                "The number of processed channels, int(channels * channel_ratio) rounded up to "
                "an even number, must be a positive multiple of 4: two halves of two "
                f"interleaved parts. Received: channels={channels}, "
                f"channel_ratio={self.channel_ratio}, which gives {processed}"
            )
        return processed

    def build(self, input_shape):
        self._processed = self.processed_channels(check_feature_map(self.name, input_shape))
        if self.gate == "learned":
            self.normalization.build((*input_shape[:-1], self._processed))
            self.gate_kernel = self.add_weight(
                shape=(3, 3, 3, self._processed // 2, 2),
                initializer=self.gate_initializer,
                name="gate_kernel",
            )
            self.gate_bias = self.add_weight(
                shape=(2,),
                initializer=self.gate_bias_initializer(self._processed),
                name="gate_bias",
            )

    def call(self, inputs, training=None):
        x = inputs[..., : self._processed]
        if self.gate == "learned":
            gated = self._learned_gate(x, training) * x
        else:
            gated = self.gate * x
        residual = x - gated
        shifted = ops.temporal_shift(gated, self.num_segments, self._processed // 2)
        halves = keras.ops.split(self.fuse(shifted, residual), 2, axis=-1)
        outputs = [_interleave(half) for half in halves]
        if self._processed < inputs.shape[-1]:
            outputs.append(inputs[..., self._processed :])
        return keras.ops.concatenate(outputs, axis=-1)

    def fuse(self, shifted, residual):
        """Returns Z of the shape of both arguments, `[B * T, H, W, processed channels]`."""
        raise NotImplementedError

    def _learned_gate(self, x, training):
        """Equations (1), (2): the gate of every channel, `[B * T, H, W, C]` in (-1, 1).

        The 3x3x3 convolution has one output plane per half, so it is done as a 2D
        convolution from each half to three planes, one per tap in time, and a sum of those
        planes over neighbouring frames.
        """
        activated = keras.ops.relu(self.normalization(x, training=training))
        kernel = keras.ops.cast(self.gate_kernel, activated.dtype)
        # [taps, 3, 3, C/2, 2] -> per half [3, 3, C/2, taps]
        planes = keras.ops.stack(
            [
                keras.ops.conv(half, keras.ops.transpose(kernel[..., i], (1, 2, 3, 0)), 1, "same")
                for i, half in enumerate(keras.ops.split(activated, 2, axis=-1))
            ],
            axis=-1,
        )
        height, width = (x.shape[axis] or keras.ops.shape(x)[axis] for axis in (1, 2))
        taps = keras.ops.reshape(planes, (-1, self.num_segments, height, width, 3, 2))
        before, now, after = taps[..., 0, :], taps[..., 1, :], taps[..., 2, :]
        none = keras.ops.zeros_like(now[:, :1])
        total = (
            keras.ops.concatenate([none, before[:, :-1]], axis=1)
            + now
            + keras.ops.concatenate([after[:, 1:], none], axis=1)
        )
        gate = keras.ops.tanh(total + keras.ops.cast(self.gate_bias, total.dtype))
        gate = keras.ops.reshape(gate, (-1, height, width, 2))
        return keras.ops.repeat(gate, x.shape[-1] // 2, axis=-1)

    def compute_output_shape(self, input_shape):
        return input_shape


def _interleave(half):
    """`new[2 i + j] = old[j n + i]`: the two parts of a half, channel by channel in turn."""
    channels = half.shape[-1]
    lead = [size or keras.ops.shape(half)[axis] for axis, size in enumerate(half.shape[:-1])]
    parts = keras.ops.reshape(half, (*lead, 2, channels // 2))
    return keras.ops.reshape(keras.ops.swapaxes(parts, -1, -2), (*lead, channels))
