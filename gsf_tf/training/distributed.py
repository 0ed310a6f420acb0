import tensorflow as tf


def distributed(strategy, step, *, over_workers=True):
    """Compiles a step so that it runs on all replicas and sums what they return.

    Args:
        strategy: `tf.distribute.Strategy`.
        step: Function of a batch's clip and label, such as a `functools.partial` of `train_step`;
            returns a dictionary of scalars.
        over_workers: Whether the sums are those of all workers. If not, and the step itself does
            not work together with other workers, every worker may have as many batches as it likes,
            of any size.

    Returns:
        A function of a batch `(clip, label)`, as `BatchFeed` gives it, that returns the sums as a
        dictionary of float32 scalars.
    """

    @tf.function(autograph=False, reduce_retracing=True)
    def run(batch):
        names = []

        def on_replica(clip, label):
            sums = step(clip, label)
            names[:] = sums
            # One tensor, so that replicas and workers exchange one.
            return tf.stack([tf.cast(value, tf.float32) for value in sums.values()])

        sums = strategy.run(on_replica, args=batch)
        if over_workers:
            total = strategy.reduce(tf.distribute.ReduceOp.SUM, sums, axis=None)
        else:
            total = tf.add_n(strategy.experimental_local_results(sums))
        return dict(zip(names, tf.unstack(total, len(names)), strict=True))

    return run
