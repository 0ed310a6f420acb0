import math
from typing import Any

import keras
import tensorflow as tf

from gsf_tf.layers.arguments import check_feature_map
from gsf_tf.layers.stand_in import has_clips

AXES = (0, 1, 2)
ACTIVATIONS = (None, "relu")
# oneDNN is several times slower if the number of channels is not a multiple of its block.
CHANNEL_BLOCK = 16
FIXED = {"axis": -1, "center": True, "scale": True, "renorm": False}


@keras.saving.register_keras_serializable(package="gsf_tf")
class BatchNormalization(keras.layers.BatchNormalization):
    """Batch normalization of feature maps with PyTorch's statistics and TensorFlow's fused kernels.

    Weights and configuration are those of `keras.layers.BatchNormalization`. There are two
    differences. The moving variance tracks the unbiased variance of a batch, `N / (N - 1)` times
    the one that normalizes, as in the authors' networks. And value and gradient are computed in one
    pass each, not by a chain of elementwise ops. Momentum and epsilon are the authors' by default
    (PyTorch's momentum of 0.1 is 0.9 here). There is no fused kernel for float64 or for statistics
    over several devices; these are composed of elementwise ops.

    Args:
        momentum: Momentum of the moving statistics, in [0, 1).
        epsilon: Small number that is added to the variance.
        activation: `"relu"` to apply a ReLU in the same pass, or None. Use it for pre-activation,
            where the normalization does not follow a convolution. After a convolution, use a
            separate ReLU layer: TensorFlow then fuses all three into one kernel for inference.
        **kwargs: Arguments of `keras.layers.BatchNormalization`. With `synchronized=True` and a
            `tf.distribute` strategy, training uses the mean and variance over the batches of all
            replicas, of whatever sizes; otherwise each replica uses those of its own batch.

    Input shape:
        `[N, H, W, C]`

    Output shape:
        The same as the input.

    Raises:
        ValueError: If `activation` is unknown, or an argument is passed that is fixed here: `axis`,
            `center`, `scale` or `renorm`.

    Example:

    ```python
    y = gsf_tf.layers.BatchNormalization()(keras.random.normal((8, 14, 14, 64)), training=True)
    ```

    Reference:
        The networks of both papers; PyTorch's `BatchNorm2d`.
    """

    def __init__(
        self,
        momentum: float = 0.9,
        epsilon: float = 1e-5,
        activation: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(momentum=momentum, epsilon=epsilon, **kwargs)
        if activation not in ACTIVATIONS:
            raise ValueError(
                f"`activation` must be None or 'relu'. Received: activation={activation!r}"
            )
        self.activation = activation
        for name, only in FIXED.items():
            if getattr(self, name) != only:
                raise ValueError(
                    f"`{name}` must be {only!r}. Received: {name}={getattr(self, name)!r}. Use "
                    "keras.layers.BatchNormalization for other values."
                )

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        check_feature_map(self.name, input_shape)
        super().build(input_shape)

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        learning = bool(training) and self.trainable
        rectified = self.activation == "relu"
        if rectified and not learning and inputs.dtype != tf.float64:
            return self._rectified_in_blocks(inputs)
        dtype = tf.float64 if inputs.dtype == tf.float64 else tf.float32
        normalize = _fused if dtype == tf.float32 else _composed
        if learning and self.over_replicas():
            normalize = _over_replicas
        weights = (self.gamma, self.beta, self.moving_mean, self.moving_variance)
        outputs, mean, variance = normalize(
            inputs, *(keras.ops.cast(weight, dtype) for weight in weights), self.epsilon, learning
        )
        if learning:
            self.keep_statistics(mean, variance)
        return tf.nn.relu(outputs) if rectified else outputs

    def _rectified_in_blocks(self, inputs):
        """Normalizes with the moving statistics, with several pixels joined into one."""
        _, height, width, channels = inputs.shape
        pixels = math.lcm(channels, CHANNEL_BLOCK) // channels
        if None in (height, width) or height * width % pixels:
            pixels = 1
        blocks = inputs
        if pixels > 1:
            blocks = tf.reshape(inputs, [-1, 1, height * width // pixels, pixels * channels])
        weights = (
            tf.tile(keras.ops.cast(weight, tf.float32), [pixels])
            for weight in (self.gamma, self.beta, self.moving_mean, self.moving_variance)
        )
        outputs, *_ = _fused(blocks, *weights, self.epsilon, learning=False)
        return tf.reshape(tf.nn.relu(outputs), tf.shape(inputs))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "activation": self.activation}

    def over_replicas(self) -> bool:
        """Returns whether a training step in this context has statistics over several replicas."""
        context = tf.distribute.get_replica_context()
        return self.synchronized and context is not None and context.num_replicas_in_sync > 1

    def keep_statistics(self, mean: tf.Tensor, variance: tf.Tensor) -> None:
        """Updates the moving statistics with the mean and the unbiased variance of a batch.

        They stay as they are on a replica that has no clips, unless the batch is that of all.

        Args:
            mean: `[C]`.
            variance: `[C]`, unbiased.
        """
        counts = None if self.over_replicas() else has_clips()
        for moving, new in ((self.moving_mean, mean), (self.moving_variance, variance)):
            new = keras.ops.cast(new, moving.dtype)
            new = self.momentum * moving + (1 - self.momentum) * new
            moving.assign(new if counts is None else tf.where(counts, new, moving))


def unbiased(variance, x):
    """Returns the unbiased variance of each channel of `x`, computed from the biased one."""
    count = keras.ops.cast(keras.ops.prod(keras.ops.shape(x)[:-1]), variance.dtype)
    return variance * count / keras.ops.maximum(count - 1, 1)


def _fused(x, scale, offset, mean, variance, epsilon, learning):
    """Returns the normalized x and, if learning, the batch's mean and unbiased variance."""
    # `tf.nn.fused_batch_norm` would raise epsilon to 1.001e-5, which cuDNN no longer needs.
    y, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=x,
        scale=scale,
        offset=offset,
        mean=tf.zeros([0]) if learning else mean,
        variance=tf.zeros([0]) if learning else variance,
        epsilon=epsilon,
        is_training=learning,
    )
    return y, mean, variance


def _composed(x, scale, offset, mean, variance, epsilon, learning):
    if learning:
        mean, variance = tf.nn.moments(x, AXES)
    y = tf.nn.batch_normalization(x, mean, variance, offset, scale, epsilon)
    return y, mean, unbiased(variance, x)


def _over_replicas(x, scale, offset, mean, variance, epsilon, learning):
    context, counts = tf.distribute.get_replica_context(), has_clips()

    def sum_over_all(values):
        if counts is not None:
            values = tf.where(counts, values, tf.zeros_like(values))
        return context.all_reduce(tf.distribute.ReduceOp.SUM, values)

    values = tf.cast(x, scale.dtype)
    own_count = tf.cast(tf.size(x) // x.shape[-1], scale.dtype)
    total = sum_over_all(tf.concat([tf.reduce_sum(values, AXES), [own_count]], 0))
    count = tf.maximum(total[-1], 1)
    mean = total[:-1] / count
    variance = sum_over_all(tf.reduce_sum(tf.square(values - mean), AXES)) / count
    y = tf.nn.batch_normalization(values, mean, variance, offset, scale, epsilon)
    return tf.cast(y, x.dtype), mean, variance * count / tf.maximum(count - 1, 1)
