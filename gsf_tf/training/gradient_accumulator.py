import tensorflow as tf


class GradientAccumulator:
    """Keeps the gradients of the batches of one optimizer step, on each replica by itself.

    Keras' `gradient_accumulation_steps` decides inside of the optimizer whether to take a step, and
    cannot do that under a `MirroredStrategy`. Here the loop decides. What is kept is empty
    between steps, so checkpoints leave it out.

    Args:
        variables: The model's trainable variables; made in the scope of the strategy.
        batches: Batches of one optimizer step.
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
        """Adds a replica's gradients of one batch."""
        for total, gradient in zip(self._sums, gradients, strict=True):
            if gradient is not None:
                total.assign_add(gradient)

    def take(self, gradients):
        """Returns the kept gradients plus those of the last batch, and keeps nothing."""
        taken = []
        for total, gradient in zip(self._sums, gradients, strict=True):
            taken.append(None if gradient is None else total + gradient)
        with tf.control_dependencies([gradient for gradient in taken if gradient is not None]):
            for total in self._sums:
                total.assign(tf.zeros_like(total))
        return taken
