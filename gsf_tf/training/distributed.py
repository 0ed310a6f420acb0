import tensorflow as tf


def distributed(strategy, step, *, over_workers=True):
    """Compiles a step that runs on all replicas, and whose results are summed over them.

    Args:
        strategy: `tf.distribute.Strategy`.
        step: Function of the clip and label of a batch that returns a dictionary of scalars, such
            as a `functools.partial` of `train_step`.
        over_workers: Whether the sums are over all workers. If not, and if the step does not
            communicate with other workers itself, the workers may have different numbers of
            batches, of any size.

    Returns:
        A function from a batch `(clip, label)` of a `BatchFeed` to the sums, a dictionary of
        float32 scalars.
    """

    @tf.function(autograph=False, reduce_retracing=True)
    def run(batch):
        names = []

        def on_replica(clip, label):
            sums = step(clip, label)
            names[:] = sums
            # Stacked, so that replicas and workers exchange a single tensor.
            return tf.stack([tf.cast(value, tf.float32) for value in sums.values()])

        sums = strategy.run(on_replica, args=batch)
        if over_workers:
            total = strategy.reduce(tf.distribute.ReduceOp.SUM, sums, axis=None)
        else:
            total = tf.add_n(strategy.experimental_local_results(sums))
        return dict(zip(names, tf.unstack(total, len(names)), strict=True))

    return run
