import contextlib
import functools

import keras
import numpy as np
import tensorflow as tf

from gsf_tf.layers.gated_shift import GatedShift
from gsf_tf.models.layer_lookup import find_layers
from gsf_tf.training.random_states import kept_states, random_states
from gsf_tf.training.steps import training_mode_step


class BatchStatistics:
    """Batch normalization's statistics over several batches, with the weights as they are.

    Moving statistics are averages over the last steps: over few clips, seen with weights that have
    changed since. Where few and unlike clips are trained on, they differ from what the layers were
    trained with, and inference is worse than training. `estimate` replaces them by the statistics
    of many batches: the mean of the means, and the variance of the whole population, which is the
    mean of the variances plus the variance of the means. Frozen layers keep theirs.

    Args:
        model: Built Keras model.
        strategy: `tf.distribute.Strategy` of its variables. The batches of all replicas and workers
            count, each by its number of clips.
        task_weights: Weight of each task's loss, for a multi-task model.

    Attributes:
        layers: The normalizations whose statistics change in training.

    Reference:
        Wu and Johnson, Rethinking "Batch" in BatchNorm, 2021, section 3 (PreciseBN).
    """

    def __init__(self, model, strategy, task_weights=None):
        self.layers = learning_normalizations(model)
        self._dropouts = find_layers(model, keras.layers.Dropout)
        self._states = random_states(model)
        self._before = []
        self._moments = None
        step = functools.partial(training_mode_step, model, task_weights=task_weights)
        self._run = self._distributed(strategy, step)

    @contextlib.contextmanager
    def kept(self):
        """Restores the moving statistics and the random states when a `with` block ends.

        The statistics must be the same on all replicas before.
        """
        self._before = [v.numpy() for layer in self.layers for v in _statistics(layer)]
        self._moments = None
        try:
            with kept_states(self._states):
                yield
        finally:
            self.restore()

    def restore(self):
        """Sets the moving statistics to those from before the block of `kept`."""
        variables = [v for layer in self.layers for v in _statistics(layer)]
        for variable, value in zip(variables, self._before, strict=True):
            variable.assign(value)

    def add(self, batch, counts=True):
        """Runs the model on a batch in training mode without dropout, and counts its statistics.

        The moving statistics become those of the batch. Call it in a block of `kept`.

        Args:
            batch: `(clip, label)` of a `BatchFeed`.
            counts: Whether `estimate` takes the statistics of the batch in.

        Returns:
            Dictionary of the sums of the batch in training mode, as `evaluation_step` returns them.
        """
        with contextlib.ExitStack() as stack:
            # The values are read when the step is traced.
            for layer in self.layers:
                stack.enter_context(_attribute(layer, "momentum", 0.0))
            for layer in self._dropouts:
                stack.enter_context(_attribute(layer, "rate", 0.0))
            sums, moments = self._run(batch)
        if counts:
            self._moments = moments.numpy() + (0 if self._moments is None else self._moments)
        return sums

    def estimate(self):
        """Sets the moving statistics to those of all batches that count in the block of `kept`."""
        if self._moments is None:
            return
        moments = self._moments[1:] / self._moments[0]
        for layer in self.layers:
            size = layer.moving_mean.shape[0]
            mean, square, moments = np.split(moments, (size, 2 * size))
            layer.moving_mean.assign(mean)
            layer.moving_variance.assign(np.maximum(square - mean**2, 0.0))

    def _distributed(self, strategy, step):
        names = []

        def on_replica(clip, label):
            sums = step(clip, label)
            names[:] = sums
            moments = self._replica_moments(tf.cast(sums["clips"], tf.float64))
            values = tf.stack([tf.cast(value, tf.float64) for value in sums.values()])
            return tf.concat([values, moments], 0)

        @tf.function(autograph=False, reduce_retracing=True)
        def run(batch):
            values = strategy.run(on_replica, args=batch)
            total = strategy.reduce(tf.distribute.ReduceOp.SUM, values, axis=None)
            sums = dict(zip(names, tf.unstack(total[: len(names)]), strict=True))
            return sums, total[len(names) :]

        return run

    def _replica_moments(self, clips):
        """Returns clips, and for each layer mean and mean square of the batch, times the clips."""
        parts = [tf.ones([1], tf.float64)]
        for layer in self.layers:
            mean, variance = (tf.cast(v.value, tf.float64) for v in _statistics(layer))
            parts += [mean, variance + tf.square(mean)]
        # A replica without clips has run a stand-in.
        return tf.where(clips > 0, clips * tf.concat(parts, 0), 0.0)


def learning_normalizations(model):
    """Returns the batch normalizations whose moving statistics change in training, in order."""
    layers = find_layers(model, keras.layers.BatchNormalization)
    gates = [gate for gate in find_layers(model, GatedShift) if gate.gate == "learned"]
    layers += [gate.normalization for gate in gates]
    return [layer for layer in layers if layer.trainable]


def _statistics(layer):
    return layer.moving_mean, layer.moving_variance


@contextlib.contextmanager
def _attribute(layer, name, value):
    before = getattr(layer, name)
    setattr(layer, name, value)
    try:
        yield
    finally:
        setattr(layer, name, before)
