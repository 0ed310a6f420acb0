import time

import tensorflow as tf

from gsf_tf.data import reports_damage
from gsf_tf.errors import UserError


class BatchFeed:
    """Iterates over the batches of this worker, divided among its replicas.

    Batches are fetched by the host for two reasons: clip ids, which are strings, stay on the host;
    and the time of waiting for a batch can be measured apart from the time of the step.

    Args:
        strategy: `tf.distribute.Strategy`.
        dataset: `tf.data.Dataset` of this worker's batches: `(clip, label)`, `(clip, label, ids)`
            or `(clip, label, ids, number)`.

    Attributes:
        wait_seconds: Total time of waiting for batches, in seconds.
        position: Number of the batch after the last one that was returned, None without numbers.

    Raises:
        UserError: If a record is damaged or cannot be read; raised by the iteration.
    """

    def __init__(self, strategy, dataset):
        self.wait_seconds = 0.0
        self.position = None
        self._strategy = strategy
        self._iterator = iter(dataset)

    def __iter__(self):
        return self

    def __next__(self):
        """Returns `((clip, label), ids)`, clip and label per replica; ids may be None."""
        start = time.monotonic()
        try:
            with reports_damage():
                clip, label, *rest = next(self._iterator)
        except tf.errors.OpError as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise UserError(
                f"The records must stay readable while a run goes on. {type(error).__name__}: "
                f"{reason} What was trained is in the checkpoints up to the last one; put the "
                "records back and give the same command again to continue."
            ) from error
        finally:
            self.wait_seconds += time.monotonic() - start
        ids, number = (*rest, None, None)[:2]
        if number is not None:
            self.position = int(number) + 1
        return self._divide((clip, label)), ids

    def _divide(self, batch):
        if self._strategy.num_replicas_in_sync == 1:
            return batch
        replicas = len(self._strategy.extended.worker_devices)
        # In a batch that is not full, the last replicas may get one clip less, or none.
        share, more = divmod(tf.nest.flatten(batch)[0].shape[0], replicas)

        def part(context):
            replica = context.replica_id_in_sync_group % replicas
            first = replica * share + min(replica, more)
            last = first + share + (replica < more)
            return tf.nest.map_structure(lambda x: x[first:last], batch)

        return self._strategy.experimental_distribute_values_from_function(part)
