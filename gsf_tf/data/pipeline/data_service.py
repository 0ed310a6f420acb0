"""Spreading the work of a pipeline over the workers of a `tf.data` service."""

from collections.abc import Callable

import tensorflow as tf

from gsf_tf.ops import use_implementation

# Parts into which the work is cut, each of which is done by one worker from end to end. More
# parts spread better; each reads all records, encoded, and decodes its own.
NUM_PARTS = 4


def distribute(make_part: Callable[[int, int], tf.data.Dataset], address: str) -> tf.data.Dataset:
    """Makes a dataset in workers, in the same order however many there are.

    A service gives the elements of one dataset in the order in which its workers finish them.
    So the work is cut into parts that are jobs of their own with a single split each, which goes
    to one worker; taking turns between the parts gives back the order of the whole. Our ops run in
    their reference form, for the workers are processes that need not know them.

    Args:
        make_part: Takes (number of parts, part) and gives the elements part, part + parts, ...
        address: Of the dispatcher, as `grpc://host:5050`.

    Returns:
        All elements in order.
    """

    def job(part):
        single = tf.data.Dataset.range(1).flat_map(lambda _: make_part(NUM_PARTS, part))
        service = tf.data.experimental.service
        return single.apply(service.distribute(service.ShardingPolicy.DYNAMIC, address))

    with use_implementation("reference"):
        jobs = [job(part) for part in range(NUM_PARTS)]
    turns = tf.data.Dataset.range(NUM_PARTS).repeat()
    return tf.data.Dataset.choose_from_datasets(jobs, turns, stop_on_empty_dataset=True)
