import math

import keras
import tensorflow as tf

from gsf_tf.layers.arguments import check_feature_map

AXES = (0, 1, 2)
ACTIVATIONS = (None, "relu")
# oneDNN normalizes several times slower where the channels do not fill its blocks.
CHANNEL_BLOCK = 16
FIXED = {"axis": -1, "center": True, "scale": True, "renorm": False}


@keras.saving.register_keras_serializable(package="gsf_tf")
class BatchNormalization(keras.layers.BatchNormalization):
    """Batch normalization of feature maps as PyTorch has it, by TensorFlow's fused kernels.

    Weights and configuration are those of `keras.layers.BatchNormalization`. It differs in two
    things: the moving variance keeps the unbiased variance of a batch, `N / (N - 1)` times the one
    that normalizes, as in the authors' networks; and value and gradient are one pass each
    instead of a chain of elementwise ops. Momentum and epsilon default to the authors' (PyTorch's
    momentum of 0.1 is 0.9 here). float64, for checks, has no fused kernel and is composed, and so
    is what takes its statistics over several devices.

    Args:
        momentum: Momentum of the moving statistics.
        epsilon: Added to the variance.
        activation: `"relu"` to rectify the result in the same pass, or None. Give it where no
            convolution comes right before (pre-activation): with one, TensorFlow makes one
            kernel of convolution, normalization and a ReLU layer when it serves.
        synchronized: In training under a `tf.distribute` strategy, whether mean and variance are
            those of the batch of all replicas, whose shares must be equally large, instead of each
            one's own.

    Input shape:
        `[N, H, W, C]`

    Output shape:
        The input's.

    Example:

    ```python
    y = gsf_tf.layers.BatchNormalization()(keras.random.normal((8, 14, 14, 64)), training=True)
    ```

    Reference:
        The networks of both papers; PyTorch's `BatchNorm2d`.
    """

    def __init__(self, momentum=0.9, epsilon=1e-5, activation=None, **kwargs):
        super().__init__(momentum=momentum, epsilon=epsilon, **kwargs)
        if activation not in ACTIVATIONS:
            raise ValueError(
                f"`activation` must be one of {ACTIVATIONS}. Received: activation={activation!r}"
            )
        self.activation = activation
        for name, only in FIXED.items():
            if getattr(self, name) != only:
                raise ValueError(
                    f"`{name}` is always {only!r} here; keras.layers.BatchNormalization has the "
                    f"choice. Received: {name}={getattr(self, name)!r}"
                )

    def build(self, input_shape):
        check_feature_map(self.name, input_shape)
        super().build(input_shape)

    def call(self, inputs, training=None):
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
        """Normalizes by the moving statistics, several pixels as one of more channels."""
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

    def get_config(self):
        return {**super().get_config(), "activation": self.activation}

    def over_replicas(self):
        """Whether training takes its statistics over several replicas, here and now."""
        context = tf.distribute.get_replica_context()
        return self.synchronized and context is not None and context.num_replicas_in_sync > 1

    def keep_statistics(self, mean, variance):
        """Moves the moving statistics towards a batch's mean and unbiased variance."""
        for moving, new in ((self.moving_mean, mean), (self.moving_variance, variance)):
            new = keras.ops.cast(new, moving.dtype)
            moving.assign(self.momentum * moving + (1 - self.momentum) * new)


def unbiased(variance, x):
    """Returns the unbiased variance of each channel of `x` for the biased one, as PyTorch keeps."""
    count = keras.ops.cast(keras.ops.prod(keras.ops.shape(x)[:-1]), variance.dtype)
    return variance * count / keras.ops.maximum(count - 1, 1)


def _fused(x, scale, offset, mean, variance, epsilon, learning):
    """Returns the normalized x and, if learning, the batch's mean and unbiased variance."""
    # The function around this op raises the epsilon to 1.001e-5, which cuDNN no longer needs.
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
    context = tf.distribute.get_replica_context()

    def mean_over_all(values):
        return context.all_reduce(tf.distribute.ReduceOp.MEAN, tf.reduce_mean(values, AXES))

    values = tf.cast(x, scale.dtype)
    mean = mean_over_all(values)
    variance = mean_over_all(tf.square(values - mean))
    y = tf.nn.batch_normalization(values, mean, variance, offset, scale, epsilon)
    count = tf.cast(tf.size(x) // x.shape[-1] * context.num_replicas_in_sync, variance.dtype)
    return tf.cast(y, x.dtype), mean, variance * count / tf.maximum(count - 1, 1)
