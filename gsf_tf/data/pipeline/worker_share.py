"""Shares the clips of a dataset among workers."""

import dataclasses

import tensorflow as tf

from gsf_tf.errors import DataError
from gsf_tf.whole_numbers import is_whole

SHARD_BY = ("record", "file")


@dataclasses.dataclass(frozen=True)
class WorkerShare:
    """The clips that one of several workers takes from a common order.

    Args:
        num_workers: Number of workers that share the clips.
        worker: Number of this worker, from 0.
        shard_by: `"record"`: every worker reads all files and takes every `num_workers`-th clip.
            `"file"`: every worker reads other files.
        equal: Drop the last clips of the common order if they are too few for all workers, so that
            every worker takes equally many.
        skip_batches: Number of batches to skip at the beginning of this worker's share.
        batch_size: Number of clips in a batch of this worker.

    Raises:
        DataError: If a value is outside its range.
    """

    num_workers: int = 1
    worker: int = 0
    shard_by: str = "record"
    equal: bool = False
    skip_batches: int = 0
    batch_size: int = 1

    def __post_init__(self):
        workers = self.num_workers
        if not (is_whole(workers, 1) and is_whole(self.worker, 0, workers - 1)):
            raise DataError(
                "`num_workers` must be a whole number of at least 1, and `worker` one in "
                f"0..num_workers - 1. Received: worker={self.worker!r}, num_workers={workers!r}"
            )
        if self.shard_by not in SHARD_BY:
            raise DataError(
                f"`shard_by` must be 'record' or 'file'. Received: shard_by={self.shard_by!r}"
            )
        if not is_whole(self.batch_size, 1):
            raise DataError(
                "`batch_size` must be a whole number of at least 1. Received: "
                f"batch_size={self.batch_size!r}"
            )
        if not is_whole(self.skip_batches, 0):
            raise DataError(
                "`skip_batches` must be a whole number of at least 0. Received: "
                f"skip_batches={self.skip_batches!r}"
            )

    def file_numbers(self, num_files: int) -> range:
        """Returns the numbers of the files that this worker reads.

        Raises:
            DataError: If `shard_by` is `"file"` and there are fewer files than workers.
        """
        if self.shard_by == "record":
            return range(num_files)
        if num_files < self.num_workers:
            raise DataError(
                "shard_by='file' needs at least one file for each worker. Received: "
                f"{num_files} files for num_workers={self.num_workers}. Use shard_by='record'."
            )
        return range(self.worker, num_files, self.num_workers)

    def take(self, dataset: tf.data.Dataset) -> tf.data.Dataset:
        """Returns this worker's clips.

        Args:
            dataset: The clips of the files that this worker reads, in the common order.
        """
        if self.shard_by == "record" and self.num_workers > 1:
            dataset = self._equal_part(dataset) if self.equal else self._part(dataset)
        return dataset.skip(self.skip_batches * self.batch_size)

    def count(self, num_clips: int) -> int:
        """Returns how many clips `take` leaves of a dataset of `num_clips`."""
        if self.shard_by == "record" and self.num_workers > 1:
            num_clips -= 0 if self.equal else self.worker
            whole, rest = divmod(max(num_clips, 0), self.num_workers)
            num_clips = whole if self.equal else whole + (rest > 0)
        return max(num_clips - self.skip_batches * self.batch_size, 0)

    def _part(self, dataset):
        return dataset.shard(self.num_workers, self.worker)

    def _equal_part(self, dataset):
        groups = dataset.batch(self.num_workers, drop_remainder=True)
        return groups.map(
            lambda *group: tf.nest.map_structure(lambda part: part[self.worker], group)
        )
