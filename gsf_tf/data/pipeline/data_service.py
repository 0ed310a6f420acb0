"""Spreads the work of a pipeline over the workers of a `tf.data` service."""

from collections.abc import Callable

import tensorflow as tf

from gsf_tf.ops import use_implementation

# Number of parts of the work, each of which one worker does from beginning to end. More parts
# can occupy more workers, but each part reads all records, of which it decodes its own.
NUM_PARTS = 4


def distribute(make_part: Callable[[int, int], tf.data.Dataset], address: str) -> tf.data.Dataset:
    """Makes a dataset whose workers return its elements in the order of a single process.

    A service returns the elements of a dataset in the order in which its workers finish them.
    Therefore the work is divided into parts. Each part is a job of its own with a single split,
    which goes to one worker. Taking one element from each part in turn restores the order. The ops
    of this library run in their reference form, because the workers do not load the compiled ops.

    Args:
        make_part: A function from (num_parts, part) to a dataset of the elements with the numbers
            part, part + num_parts, part + 2 num_parts, ...
        address: Address of the dispatcher, such as `grpc://host:5050`.

    Returns:
        A dataset of all elements in order.
    """

    def job(part):
        single = tf.data.Dataset.range(1).flat_map(lambda _: make_part(NUM_PARTS, part))
        service = tf.data.experimental.service
        return single.apply(service.distribute(service.ShardingPolicy.DYNAMIC, address))

    with use_implementation("reference"):
        jobs = [job(part) for part in range(NUM_PARTS)]
    turns = tf.data.Dataset.range(NUM_PARTS).repeat()
    return tf.data.Dataset.choose_from_datasets(jobs, turns, stop_on_empty_dataset=True)
