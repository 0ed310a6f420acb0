import contextlib

import keras
import tensorflow as tf

MOVING_STATISTICS = ("moving_mean", "moving_variance")


class MovingAverage:
    """Exponential moving average of a model's weights, which is evaluated and saved in their place.

    ```
    d       = min(decay, (1 + step) / (10 + step))       step = 1, 2, ...
    average = d * average + (1 - d) * weight
    ```

    The decay of the first steps is smaller, so that the initial random weights soon lose their
    influence, as in `tf.train.ExponentialMovingAverage`. The average includes the trainable weights
    and the moving statistics of batch normalization. Every replica has an average of its own; that
    of the first replica is saved.

    Args:
        model: Built Keras model. The average must be created in the scope of the strategy.
        decay: Decay in (0, 1).

    Attributes:
        variables: The averages, for checkpoints.
    """

    def __init__(self, model, decay):
        if not 0 < decay < 1:
            raise ValueError(f"`decay` must be in (0, 1). Received: decay={decay}")
        self.decay = decay
        self._weights = _averaged_weights(model)
        self.variables = [
            tf.Variable(
                keras.ops.convert_to_tensor(weight),
                trainable=False,
                synchronization=tf.VariableSynchronization.ON_READ,
                aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
                name="average",
            )
            for weight in self._weights
        ]

    def reset(self):
        """Sets the average to the current weights."""
        for average, weight in zip(self.variables, self._weights, strict=True):
            average.assign(weight.numpy())

    def update(self, step):
        """Updates the average after step `step` = 1, 2, ...; called on each replica."""
        step = tf.cast(step, tf.float32)
        decay = tf.minimum(self.decay, (1 + step) / (10 + step))
        for average, weight in zip(self.variables, self._weights, strict=True):
            factor = tf.cast(decay, average.dtype)
            weight = tf.cast(weight.value, average.dtype)
            average.assign(factor * average + (1 - factor) * weight)

    @contextlib.contextmanager
    def applied(self):
        """Sets the weights to their average in a `with` block, and restores them after it."""
        weights = [weight.numpy() for weight in self._weights]
        try:
            for weight, average in zip(self._weights, self.variables, strict=True):
                weight.assign(average.numpy())
            yield
        finally:
            for weight, value in zip(self._weights, weights, strict=True):
                weight.assign(value)


def _averaged_weights(model):
    statistics = [w for w in model.non_trainable_weights if w.name in MOVING_STATISTICS]
    return [*model.trainable_weights, *statistics]
