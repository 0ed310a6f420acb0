from typing import Any

import keras
import tensorflow as tf

from gsf_tf import ops
from gsf_tf.layers.arguments import check_feature_map
from gsf_tf.layers.batch_normalization import BatchNormalization
from gsf_tf.layers.temporal_layer import TemporalLayer
from gsf_tf.ops.motion_flow import MAX_WINDOW, as_attribute

# Channels after each of the first three stages; the last one has those of the input.
WIDTHS = (16, 32, 64)
FLOW_CHANNELS = 3  # x, y and the confidence.
KERNEL_SIZES = (7, 3, 3, 3)


@keras.saving.register_keras_serializable(package="gsf_tf")
class MotionSqueeze(TemporalLayer):
    """MotionSqueeze (MS): finds how features move to the next frame, and adds features of that.

    A 1x1 convolution makes `filters` channels. Each position of a frame is compared with those of
    the next frame within a window, which gives a displacement in x and in y and a confidence
    (`flow`). Four stages of a depthwise and a 1x1 convolution turn these three channels into as
    many as the input has, and the result is added to the input. Every convolution is followed by
    batch normalization and a ReLU. The flow is `gsf_tf.ops.motion_flow`, on whose compiled and
    reference path a tensor of all displacements never exists.

    Maps smaller than the window are allowed: positions outside a map are zeros. In half precision,
    the flow is computed in float32.

    Args:
        num_segments: Integer >= 2. Frames per clip, T.
        window: Number of displacements in each direction, an odd integer, 3..255. The largest
            displacement is `window // 2` elements of the map.
        filters: Integer >= 1. Channels in which frames are compared.
        sigma: Standard deviation of the Gaussian around the best displacement, > 0, in elements.
        temperature: Factor of the softmax over the displacements, > 0.
        momentum: Momentum of the moving statistics of the batch normalization, in [0, 1).
        epsilon: Small number that the batch normalization adds to the variance.
        synchronized: Whether the batch normalization takes the statistics over all replicas of a
            `tf.distribute` strategy.
        **kwargs: Arguments of `keras.layers.Layer`.

    Input shape:
        `[B * T, H, W, C]`, the frames of a clip next to each other.

    Output shape:
        The same as the input.

    Raises:
        ValueError: If an argument breaks these rules.

    Example:

    ```python
    squeeze = gsf_tf.layers.MotionSqueeze(num_segments=8)
    y = squeeze(keras.random.normal((2 * 8, 28, 28, 512)))
    ```

    Reference:
        Kwon, Kim, Kwak and Cho, MotionSqueeze: Neural Motion Feature Learning for Video
        Understanding, ECCV 2020, section 3; in the GSF paper, Table 8 (ResNet-50+MS).
    """

    method = "ms"
    op = "motion_flow"

    def __init__(
        self,
        num_segments: int,
        window: int = 15,
        filters: int = 64,
        sigma: float = 5.0,
        temperature: float = 100.0,
        momentum: float = 0.9,
        epsilon: float = 1e-5,
        synchronized: bool = False,
        **kwargs: Any,
    ):
        super().__init__(num_segments, **kwargs)
        if self.num_segments < 2:
            raise ValueError(
                "`num_segments` of MotionSqueeze must be 2 or more, because it compares a frame "
                f"with the next one. Received: num_segments={num_segments!r}"
            )
        if int(window) != window or not 3 <= window <= MAX_WINDOW or window % 2 == 0:
            raise ValueError(
                f"`window` must be an odd integer, 3..{MAX_WINDOW}: the displacements on both "
                f"sides, and none. Received: window={window!r}"
            )
        if int(filters) != filters or filters < 1:
            raise ValueError(f"`filters` must be an integer >= 1. Received: filters={filters!r}")
        for name, value in (("sigma", sigma), ("temperature", temperature)):
            as_attribute(name, value)
        self.window = int(window)
        self.filters = int(filters)
        self.sigma = float(sigma)
        self.temperature = float(temperature)
        self.momentum = momentum
        self.epsilon = epsilon
        self.synchronized = synchronized
        self.supports_jit = ops.implementation_of(self.op) == "reference"

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        channels = check_feature_map(self.name, input_shape)
        frames = tuple(input_shape[:-1])
        self.convolutions, self.normalizations = [], []
        self._add_convolution("reduction", channels, self.filters, frames)
        inputs = FLOW_CHANNELS
        stages = zip((*WIDTHS, channels), KERNEL_SIZES, strict=True)
        for stage, (outputs, kernel_size) in enumerate(stages, start=1):
            self._add_convolution(f"depthwise_{stage}", inputs, None, frames, kernel_size)
            self._add_convolution(f"pointwise_{stage}", inputs, outputs, frames)
            inputs = outputs

    def _add_convolution(self, name, inputs, outputs, frames, kernel_size=1):
        """Appends a convolution and its normalization; depthwise if `outputs` is None."""
        # PyTorch's fan-out of a depthwise convolution counts all of its channels.
        std = (2 / (kernel_size**2 * (outputs or inputs))) ** 0.5
        initializer = keras.initializers.RandomNormal(stddev=std)
        options = {"padding": "same", "use_bias": False, "dtype": self.dtype_policy, "name": name}
        if outputs is None:
            conv = keras.layers.DepthwiseConv2D(
                kernel_size, depthwise_initializer=initializer, **options
            )
        else:
            conv = keras.layers.Conv2D(
                outputs, kernel_size, kernel_initializer=initializer, **options
            )
        normalization = BatchNormalization(
            momentum=self.momentum,
            epsilon=self.epsilon,
            synchronized=self.synchronized,
            dtype=self.dtype_policy,
            name=f"{name}_normalization",
        )
        conv.build((*frames, inputs))
        normalization.build((*frames, outputs or inputs))
        self.convolutions.append(conv)
        self.normalizations.append(normalization)

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        features = self.flow(inputs, training)
        for position in range(1, len(self.convolutions)):
            features = self._convolve(position, features, training)
        return inputs + features

    def flow(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Returns the map of displacements from which the layer makes its features.

        Args:
            inputs: `[B * T, H, W, C]`, the input of the layer.
            training: Whether the normalization takes the statistics of the batch.

        Returns:
            `[B * T, H, W, 3]`: the displacement to the right and down to the next frame, as a share
            of `window // 2` in [-1, 1], and the confidence, the largest correlation, in [0, 1]. The
            last frame of a clip has those of the frame before it.
        """
        features = self._convolve(0, inputs, training)
        return ops.motion_flow(
            features, self.num_segments, self.window, self.sigma, self.temperature
        )

    def _convolve(self, position, inputs, training):
        outputs = self.convolutions[position](inputs)
        return tf.nn.relu(self.normalizations[position](outputs, training=training))

    def count_macs(
        self, input_shape: tuple[int, ...], output_shape: tuple[int, ...]
    ) -> tuple[int, int]:
        """The correlation; the paper counts its additions as well as its multiplications."""
        frames, height, width, _ = input_shape
        pairs = frames // self.num_segments * (self.num_segments - 1)
        correlation = pairs * height * width * self.window**2 * self.filters
        return correlation, correlation

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config.update(
            window=self.window,
            filters=self.filters,
            sigma=self.sigma,
            temperature=self.temperature,
            momentum=self.momentum,
            epsilon=self.epsilon,
            synchronized=self.synchronized,
        )
        return config
