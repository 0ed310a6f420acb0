"""Reads the clips of one epoch from shards, still encoded, in the order of their use."""

import dataclasses
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from gsf_tf.data.pipeline.checked_shards import CheckedShards
from gsf_tf.data.pipeline.seeding import epoch_seed_dataset, shuffle_arguments
from gsf_tf.data.pipeline.worker_share import WorkerShare

# Number of shards read at once. Few are enough, because every shard holds all classes mixed.
_LANES = 4


@dataclasses.dataclass(frozen=True)
class RecordStream:
    """Reads shards, extracts from each record what is needed of it, and shuffles the results.

    Args:
        shards: The shards that this worker reads.
        select: A function from (seed of the epoch, number of the shard, index in the shard, record)
            to the tensors that are shuffled and returned.
        share: Which of the records this worker takes.
        shuffle_buffer: Number of results of `select` in memory from which the next one is drawn; 0
            keeps a fixed order.
        seed: Seed of the run.
        epoch: As in `epoch_seed_dataset`.
        cache: Keep all records in memory after the first pass, and shuffle all of them together.
        deterministic: Keep the order independent of timing.
    """

    shards: CheckedShards
    select: Callable
    share: WorkerShare
    shuffle_buffer: int
    seed: int
    epoch: int | None
    cache: bool = False
    deterministic: bool = True

    def dataset(self) -> tf.data.Dataset:
        """Returns the results of `select` for this worker's records, in the order of their use."""
        dataset = self._cached() if self.cache else self._read(self._seeds(), self.select)
        if self.shuffle_buffer:
            buffer = self.shuffle_buffer
            if self.cache and self._num_records is not None:
                buffer = max(buffer, self._num_records)
            dataset = dataset.shuffle(buffer, **shuffle_arguments(self.seed, self.epoch))
        if self._num_records is not None and self.shards.log is None:
            known = tf.data.experimental.assert_cardinality(self._num_records)
            dataset = dataset.apply(known)
        return self.share.take(dataset)

    @property
    def _num_records(self):
        counts = self.shards.num_clips.values()
        return None if None in counts else sum(counts)

    def _seeds(self):
        return epoch_seed_dataset(self.seed, self.epoch)

    def _read(self, seeds, select, shuffled=True):
        """Reads several shards at once: each of some lanes reads one shard after the other."""
        num_lanes = min(_LANES, len(self.shards.files))

        # `select` runs where the record is read, so that the record's memory is free for the next
        # one at once: fresh memory from the operating system is slow.
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
