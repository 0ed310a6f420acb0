import tensorflow as tf


class GradientAccumulator:
    """Adds up the gradients of the batches of one optimizer step, separately on each replica.

    Keras' `gradient_accumulation_steps` decides inside of the optimizer whether to take a step,
    which is not possible under a `MirroredStrategy`. Here the training loop decides. The sums are
    zero between steps, so checkpoints do not need them.

    Args:
        variables: Trainable variables of the model. The accumulator must be created in the scope of
            the strategy.
        batches: Number of batches of one optimizer step.
    """

    def __init__(self, variables, batches):
        self.batches = batches
        self._sums = [
            tf.Variable(
                tf.zeros(variable.shape, variable.dtype),
                trainable=False,
                synchronization=tf.VariableSynchronization.ON_READ,
                aggregation=tf.VariableAggregation.SUM,
                name="gradient_sum",
            )
            for variable in variables
        ]

    def add(self, gradients):
        """Adds the gradients of one batch, on a replica."""
        for total, gradient in zip(self._sums, gradients, strict=True):
            if gradient is not None:
                total.assign_add(gradient)

    def take(self, gradients):
        """Returns the sums plus the gradients of the last batch, and sets the sums to zero."""
        taken = []
        for total, gradient in zip(self._sums, gradients, strict=True):
            taken.append(None if gradient is None else total + gradient)
        with tf.control_dependencies([gradient for gradient in taken if gradient is not None]):
            for total in self._sums:
                total.assign(tf.zeros_like(total))
        return taken
