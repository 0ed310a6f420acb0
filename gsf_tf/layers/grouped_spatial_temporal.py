from math import prod
from typing import Any

import keras
import tensorflow as tf

from gsf_tf.layers.arguments import check_feature_map
from gsf_tf.layers.temporal_layer import TemporalLayer


@keras.saving.register_keras_serializable(package="gsf_tf")
class GroupedSpatialTemporal(TemporalLayer):
    """Grouped spatial-temporal convolution (GST), which replaces the 3x3 of a bottleneck.

    Three quarters of the output channels come from a 1x3x3 convolution, the last quarter comes from
    a 3x3x3 convolution. With `beta=2`, the first one reads the first half of the input channels and
    the second one the other half; with `beta=1`, both read all channels. The clip is padded with
    zeros in time and space. The convolutions have no biases.

    Args:
        filters: Output channels, a positive multiple of 4.
        num_segments: Integer >= 1. Frames per clip, T.
        strides: Integer >= 1. Stride of height and width.
        beta: 1 or 2, the number of groups of input channels.
        **kwargs: Arguments of `keras.layers.Layer`.

    Input shape:
        `[B * T, H, W, C]`, the frames of a clip next to each other; C even for `beta=2`.

    Output shape:
        `[B * T, ceil(H / strides), ceil(W / strides), filters]`

    Raises:
        ValueError: If an argument or the number of channels breaks these rules.

    Example:

    ```python
    gst = gsf_tf.layers.GroupedSpatialTemporal(64, num_segments=8)
    y = gst(keras.random.normal((2 * 8, 14, 14, 64)))
    ```

    Reference:
        Luo and Yuille, Grouped Spatial-Temporal Aggregation for Efficient Action Recognition,
        ICCV 2019; in the GSF paper, Tables 8 and 12.
    """

    method = "gst"
    replaces_layer = True

    def __init__(
        self, filters: int, num_segments: int, strides: int = 1, beta: int = 2, **kwargs: Any
    ):
        super().__init__(num_segments, **kwargs)
        if filters < 4 or filters % 4:
            raise ValueError(
                "`filters` must be a positive multiple of 4, because a quarter is spatiotemporal. "
                f"Received: filters={filters!r}"
            )
        if beta not in (1, 2):
            raise ValueError(f"`beta` must be 1 or 2. Received: beta={beta!r}")
        if int(strides) != strides or strides < 1:
            raise ValueError(f"`strides` must be an integer >= 1. Received: strides={strides!r}")
        self.filters = filters
        self.strides = strides
        self.beta = beta

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        channels = check_feature_map(self.name, input_shape)
        if self.beta == 2 and channels % 2:
            raise ValueError(
                "With `beta=2`, the number of channels must be even: they are split into halves. "
                f"Received: {channels} channels"
            )
        initializer = keras.initializers.VarianceScaling(2, "fan_out", "untruncated_normal")
        temporal = self.filters // 4
        self.spatial_kernel = self.add_weight(
            shape=(1, 3, 3, channels // self.beta, self.filters - temporal),
            initializer=initializer,
            name="spatial_kernel",
        )
        self.temporal_kernel = self.add_weight(
            shape=(3, 3, 3, channels // self.beta, temporal),
            initializer=initializer.clone(),
            name="temporal_kernel",
        )

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        height, width = (inputs.shape[axis] or keras.ops.shape(inputs)[axis] for axis in (1, 2))
        channels = inputs.shape[-1]
        clips = keras.ops.reshape(inputs, (-1, self.num_segments, height, width, channels))
        around = [(0, 0), (1, 1), (1, 1), (1, 1), (0, 0)]
        padded = keras.ops.pad(clips, around)
        spatial, temporal = padded[:, 1:-1], padded
        if self.beta == 2:
            spatial, temporal = spatial[..., : channels // 2], temporal[..., channels // 2 :]
        outputs = keras.ops.concatenate(
            [
                self._convolve(spatial, self.spatial_kernel),
                self._convolve(temporal, self.temporal_kernel),
            ],
            axis=-1,
        )
        shape = keras.ops.shape(outputs)
        return keras.ops.reshape(outputs, (-1, shape[2], shape[3], self.filters))

    def _convolve(self, x, kernel):
        strides = (1, self.strides, self.strides)
        return keras.ops.conv(x, keras.ops.cast(kernel, x.dtype), strides, "valid", "channels_last")

    def count_macs(
        self, input_shape: tuple[int, ...], output_shape: tuple[int, ...]
    ) -> tuple[int, int]:
        kernels = prod(self.spatial_kernel.shape) + prod(self.temporal_kernel.shape)
        return prod(output_shape) // self.filters * kernels, 0

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        frames, height, width, _ = input_shape
        size = [None if side is None else -(-side // self.strides) for side in (height, width)]
        return (frames, *size, self.filters)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config.update(
            filters=self.filters,
            strides=self.strides,
            beta=self.beta,
        )
        return config
