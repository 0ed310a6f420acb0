"""The clips of one epoch, still encoded, in the order in which they are used."""

import dataclasses
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from gsf_tf.data.pipeline.checked_shards import CheckedShards
from gsf_tf.data.pipeline.seeding import epoch_seed_dataset, shuffle_arguments
from gsf_tf.errors import DataError

# Shards read at once. The writer has mixed the classes, so few are enough.
_LANES = 4

SHARD_BY = ("record", "file")


@dataclasses.dataclass(frozen=True)
class RecordStream:
    """Reads shards, and keeps of each record what is needed of it.

    Args:
        shards: The shards of this worker.
        select: Takes (seed of the epoch, number of the shard, place in the shard, record), and
            gives what is shuffled and comes out.
        shuffle_buffer: Results of `select` in memory to draw the next from; 0 keeps a fixed order.
        seed: Seed of the run.
        epoch: As in `epoch_seed_dataset`.
        num_workers: Workers that share the records.
        worker: Which of them this is, from 0.
        shard_by: `"record"`: every worker reads all files and keeps its records of the common
            order; `"file"`: every worker has files of its own.
        whole_groups: Leave out the last records where they do not serve all workers.
        skip: Records to leave out at the beginning of this worker's share.
        cache: Keep all records in memory after the first pass. They are shuffled as a whole.
        deterministic: Keep the order independent of timing.

    Raises:
        DataError: When the values do not go together.
    """

    shards: CheckedShards
    select: Callable
    shuffle_buffer: int
    seed: int
    epoch: int | None
    num_workers: int = 1
    worker: int = 0
    shard_by: str = "record"
    whole_groups: bool = False
    skip: int = 0
    cache: bool = False
    deterministic: bool = True

    def __post_init__(self):
        if not 0 <= self.worker < self.num_workers:
            raise DataError(
                "`worker` must be in 0..num_workers - 1. Received "
                f"{self.worker} of {self.num_workers}."
            )
        if self.shard_by not in SHARD_BY:
            raise DataError(f"`shard_by` must be 'record' or 'file'. Received {self.shard_by!r}.")
        if self.skip < 0:
            raise DataError(f"`skip_batches` must not be negative. Received {self.skip}.")

    def dataset(self) -> tf.data.Dataset:
        """Returns the dataset of one pass."""
        dataset = self._cached() if self.cache else self._read(self._seeds(), self.select)
        if self.shuffle_buffer:
            buffer = self.shuffle_buffer
            if self.cache and self._num_records is not None:
                buffer = max(buffer, self._num_records)
            dataset = dataset.shuffle(buffer, **shuffle_arguments(self.seed, self.epoch))
        if self._num_records is not None and self.shards.log is None:
            known = tf.data.experimental.assert_cardinality(self._num_records)
            dataset = dataset.apply(known)
        if self.shard_by == "record" and self.num_workers > 1:
            dataset = self._share(dataset)
        return dataset.skip(self.skip)

    @property
    def _num_records(self):
        counts = self.shards.num_clips.values()
        return None if None in counts else sum(counts)

    def _seeds(self):
        return epoch_seed_dataset(self.seed, self.epoch)

    def _read(self, seeds, select, shuffled=True):
        """Reads several shards at once, in lanes that read one after the other."""
        num_lanes = min(_LANES, len(self.shards.files))

        # A record is given up where it was read, for memory new from the system is slow.
        def read_lane(epoch_seed, lane):
            numbers = tf.constant(list(self.shards.files))
            if self.shuffle_buffer and shuffled:
                numbers = tf.random.experimental.stateless_shuffle(numbers, epoch_seed)
            numbers = tf.data.Dataset.from_tensor_slices(numbers).shard(num_lanes, lane)
            shards = numbers.map(lambda number: (epoch_seed, number))
            return self.shards.read(shards).map(select)

        def list_lanes(epoch_seed):
            lanes = tf.data.Dataset.range(num_lanes)
            return lanes.map(lambda lane: (epoch_seed, lane))

        return seeds.flat_map(list_lanes).interleave(
            read_lane,
            cycle_length=num_lanes,
            num_parallel_calls=tf.data.AUTOTUNE,
            deterministic=self.deterministic,
        )

    def _cached(self):
        no_seed = tf.data.Dataset.from_tensors(np.zeros(2, np.int32))
        records = self._read(no_seed, lambda *record: record, shuffled=False).cache()
        seeds = self._seeds().flat_map(lambda seed: tf.data.Dataset.from_tensors(seed).repeat())
        pairs = tf.data.Dataset.zip(seeds, records)
        return pairs.map(lambda seed, record: self.select(seed, *record[1:]))

    def _share(self, dataset):
        if not self.whole_groups:
            return dataset.shard(self.num_workers, self.worker)
        groups = dataset.batch(self.num_workers, drop_remainder=True)
        return groups.map(
            lambda *group: tf.nest.map_structure(lambda part: part[self.worker], group)
        )
