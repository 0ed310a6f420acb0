import keras

from gsf_tf import ops
from gsf_tf.layers.segment_axis import check_feature_map, check_num_segments


@keras.saving.register_keras_serializable(package="gsf_tf")
class GateShiftFuse(keras.layers.Layer):
    """Gate-Shift-Fuse (GSF): gates features, shifts them in time and fuses them again.

    The first `channel_ratio` of the channels is processed in two halves X1 and X2; the
    rest passes untouched. For each half i, with the paper's equations beside the names
    that the code uses:

    | equation | code |
    |---|---|
    | (1), (2) `Y = tanh(Wg * X) . X` | `gate`, `gated` |
    | (3), (4) `R = X - Y` | `residual` |
    | (5), (6) `Y_shift = shift(Y)` | `shifted`: half 1 reads frame t + 1, half 2 t - 1 |
    | (7), (8) `F = sigmoid(Wf * mean(Y_shift; R))` | `weight` |
    | (9), (10) `Z = F . Y_shift + (1 - F) . R` | `fused` |

    The published numbers were made with details that the equations leave out, and
    they are here: the gate reads `ReLU(BN(X))` while it multiplies X itself; both
    convolutions have biases; and after the fusion the channels are interleaved inside each
    half, `new[2 i + j] = old[j n + i]` for n a quarter of the processed channels.

    One deviation: the moving variance is the biased one, as in every Keras batch
    normalisation (PyTorch keeps the unbiased one; they differ by a factor
    `N / (N - 1)`, N = B T H W).

    Args:
        num_segments: Integer >= 1. Frames per clip, T.
        channel_ratio: Share of the channels that is processed, in (0, 1]. The number of
            processed channels is `int(C * channel_ratio)`, one more if that is odd, and must be
            divisible by 4.
        fusion_initializer: Initializer of the two fusion kernels. `None` is PyTorch's
            default, uniform within `1 / sqrt(fan_in)`; the authors' ResNets use
            Kaiming normal by fan-out, `"he_fan_out"`.
        momentum: Momentum of the moving statistics of the batch normalisation.
        epsilon: Added to the variance in the batch normalisation.

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
        section 3.1, equations (1)-(10).
    """

    def __init__(
        self,
        num_segments,
        channel_ratio=1.0,
        fusion_initializer=None,
        momentum=0.9,
        epsilon=1e-5,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_segments = check_num_segments(num_segments)
        if not 0 < channel_ratio <= 1:
            raise ValueError(
                "`channel_ratio` must be in (0, 1], the share of the channels that is "
                f"processed. Received: channel_ratio={channel_ratio!r}"
            )
        self.channel_ratio = float(channel_ratio)
        self.fusion_initializer = fusion_initializer
        self.momentum = momentum
        self.epsilon = epsilon
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
        processed = self.processed_channels(check_feature_map(self.name, input_shape))
        self.normalization.build((*input_shape[:-1], processed))
        uniform_fan_in = keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform")
        self.gate_kernel = self.add_weight(
            shape=(3, 3, 3, processed // 2, 2), initializer=uniform_fan_in, name="gate_kernel"
        )
        self.gate_bias = self._add_bias("gate_bias", fan_in=27 * processed // 2, shape=(2,))
        self.fusion_kernels, self.fusion_biases = [], []
        for half in (1, 2):
            self.fusion_kernels.append(
                self.add_weight(
                    shape=(3, 3, 2, 1),
                    initializer=self._fusion_initializer(uniform_fan_in),
                    name=f"fusion_kernel_{half}",
                )
            )
            self.fusion_biases.append(self._add_bias(f"fusion_bias_{half}", 18, (1,)))

    def _fusion_initializer(self, default):
        if self.fusion_initializer is None:
            return default.clone()
        if self.fusion_initializer == "he_fan_out":
            return keras.initializers.VarianceScaling(2, "fan_out", "untruncated_normal")
        return keras.initializers.get(self.fusion_initializer)

    def _add_bias(self, name, fan_in, shape):
        bound = fan_in**-0.5
        return self.add_weight(
            shape=shape, initializer=keras.initializers.RandomUniform(-bound, bound), name=name
        )

    def call(self, inputs, training=None):
        processed = self.normalization.gamma.shape[0]
        x = inputs[..., :processed]
        gated = self._gate(x, training) * x
        residual = x - gated
        shifted = ops.temporal_shift(gated, self.num_segments, processed // 2)
        weight = self._fusion_weight(shifted, residual)
        fused = weight * shifted + (1 - weight) * residual
        halves = keras.ops.split(fused, 2, axis=-1)
        outputs = [_interleave(half) for half in halves]
        if processed < inputs.shape[-1]:
            outputs.append(inputs[..., processed:])
        return keras.ops.concatenate(outputs, axis=-1)

    def _gate(self, x, training):
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

    def _fusion_weight(self, shifted, residual):
        """Equations (7), (8): F as `[B * T, 1, 1, C]` in (0, 1).

        The convolution runs over the (channel, time) plane of the spatial means.
        """
        half_channels = shifted.shape[-1] // 2
        dtype = keras.backend.result_type(shifted.dtype, "float32")
        means = [
            keras.ops.reshape(
                keras.ops.mean(keras.ops.cast(part, dtype), axis=(1, 2)),
                (-1, self.num_segments, 2, half_channels),
            )
            for part in (shifted, residual)
        ]
        # [B, T, half, C/2, (shifted, residual)] -> per half [B, C/2, T, 2]
        plane = keras.ops.transpose(keras.ops.stack(means, axis=-1), (2, 0, 3, 1, 4))
        weights = [
            keras.ops.conv(plane[half], keras.ops.cast(kernel, dtype), 1, "same")
            + keras.ops.cast(bias, dtype)
            for half, (kernel, bias) in enumerate(
                zip(self.fusion_kernels, self.fusion_biases, strict=True)
            )
        ]
        weight = keras.ops.sigmoid(keras.ops.concatenate(weights, axis=1)[..., 0])
        weight = keras.ops.reshape(
            keras.ops.transpose(weight, (0, 2, 1)), (-1, 1, 1, 2 * half_channels)
        )
        return keras.ops.cast(weight, shifted.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        config = super().get_config()
        initializer = self.fusion_initializer
        if isinstance(initializer, keras.initializers.Initializer):
            initializer = keras.initializers.serialize(initializer)
        config.update(
            num_segments=self.num_segments,
            channel_ratio=self.channel_ratio,
            fusion_initializer=initializer,
            momentum=self.momentum,
            epsilon=self.epsilon,
        )
        return config


def _interleave(half):
    """`new[2 i + j] = old[j n + i]`: the two parts of a half, channel by channel in turn."""
    channels = half.shape[-1]
    lead = [size or keras.ops.shape(half)[axis] for axis, size in enumerate(half.shape[:-1])]
    parts = keras.ops.reshape(half, (*lead, 2, channels // 2))
    return keras.ops.reshape(keras.ops.swapaxes(parts, -1, -2), (*lead, channels))
