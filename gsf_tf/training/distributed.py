import tensorflow as tf


def distributed(strategy, step):
    """Compiles a step so that it runs on all replicas and sums what they return.

    Args:
        strategy: `tf.distribute.Strategy`.
        step: Function of a batch's clip and label, such as a `functools.partial` of `train_step`;
            returns a dictionary of scalars.

    Returns:
        A function of a batch `(clip, label)`, as `BatchFeed` gives it, that returns the sums.
    """

    @tf.function(reduce_retracing=True)
    def run(batch):
        per_replica = strategy.run(step, args=batch)
        return {
            name: strategy.reduce(tf.distribute.ReduceOp.SUM, value, axis=None)
            for name, value in per_replica.items()
        }

    return run
