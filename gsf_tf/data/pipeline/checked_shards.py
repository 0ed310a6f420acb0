"""Reading and loading records so that a damaged one is told apart and named."""

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf

from gsf_tf.data.pipeline.python_calls import ends_with_process
from gsf_tf.data.records.damage_log import DamageLog
from gsf_tf.data.records.damage_report import find_damage, message, message_tail
from gsf_tf.data.records.record_framing import OVERHEAD, records_from, survey
from gsf_tf.ops.can_read import can_read


@dataclasses.dataclass(frozen=True)
class CheckedShards:
    """Shards whose damaged records stop a pipeline with a message, or are left out and logged.

    Args:
        files: Paths of the shards, under their numbers among those of all workers.
        num_clips: For each shard how many records it should have; `None` where that is not known.
        limits: Number of classes by the key of each label that is used, `None` where unknown.
        log: Takes in what is left out; `None` stops at it.
    """

    files: Mapping[int, str]
    num_clips: Mapping[int, int | None]
    limits: Mapping[str, int | None]
    log: DamageLog | None = None

    def read(self, shards: tf.data.Dataset) -> tf.data.Dataset:
        """Reads the records of some shards, one shard after the other.

        Args:
            shards: A dataset of (seed of the epoch, number of the shard): int32 `[2]` and an int32
                scalar.

        Returns:
            A dataset of (seed of the epoch, number of the shard, index in it, record).
        """
        ends = (list(self.files.values()), *self._ends())
        is_there, end = (tf.data.Dataset.from_tensors(value) for value in (True, ("", False)))

        # No function for each record here: a shard would pay for setting it up.
        def open_shard(epoch_seed, number):
            file, expected, size = (self._column(number, values) for values in ends)
            # A dataset that cannot open its file would fail for ever where errors are ignored.
            files = tf.boolean_mask([file], [can_read(file)])
            stream = tf.data.Dataset.zip(tf.data.TFRecordDataset(files), is_there.repeat())
            # An error ends the stream of a file, so what comes after it is `end`.
            stream = stream.concatenate(end).ignore_errors().enumerate()
            shard = tf.data.Dataset.from_tensors((epoch_seed, number, expected, size))
            return tf.data.Dataset.zip(shard.repeat(), stream)

        def check(offset, element):
            (epoch_seed, number, expected, size), (index, (record, is_there)) = element
            offset = tf.where(index == 0, tf.constant(0, tf.int64), offset)
            # Without `dataset_info.json`, a shard is complete where its file ends.
            early = tf.where(expected < 0, offset < size, index < expected)
            damaged = tf.where(is_there, index == expected, early)
            following = offset + tf.cast(tf.strings.length(record), tf.int64) + OVERHEAD
            if self.log is None:
                passed = self._stop_if(damaged, number, index, offset)
                with tf.control_dependencies([passed]):
                    return following, (epoch_seed, number, index, tf.identity(record), is_there)
            wanted = is_there & ((expected < 0) | (index < expected))
            return following, (epoch_seed, number, index, offset, record, wanted, damaged)

        checked = shards.flat_map(open_shard).scan(tf.constant(0, tf.int64), check)
        if self.log is not None:
            return checked.flat_map(self._choose)
        checked = checked.filter(lambda *element: element[-1])
        return checked.map(lambda *element: element[:-1])

    def load(self, loader: Callable) -> Callable:
        """Makes a loader of records stop with a message at one that it cannot use.

        Args:
            loader: Takes (shard, index, ...) and gives a tuple of tensors, and whether the record
                could be used.

        Returns:
            A function that gives the tuple alone. Where damaged records are left out, the last but
            one of the tuple is added: whether the record could be used.
        """

        def load(shard, index, *selected):
            parts, good = loader(shard, index, *selected)
            if self.log is None:
                is_explained = good
            else:
                is_explained = tf.cond(
                    good, lambda: tf.constant(True), lambda: self._log_content(shard, index)
                )
            passed = self._stop_if(~is_explained, shard, index, tf.constant(-1, tf.int64))
            with tf.control_dependencies([passed]):
                *parts, last = tf.nest.map_structure(tf.identity, parts)
            return (*parts, last) if self.log is None else (*parts, good, last)

        return load

    def _choose(self, epoch_seed, number, index, offset, record, wanted, damaged):
        """Returns the record where it is wanted, and what can be read past a damaged one."""

        def survey_rest():
            runs, can_go_on = tf.numpy_function(
                ends_with_process(self._survey), [number, index, offset], [tf.int64, tf.bool]
            )
            passed = self._stop_if(~can_go_on, number, index, offset)
            with tf.control_dependencies([passed]):
                runs = tf.ensure_shape(runs, [None, 3])
            file = self._column(number, list(self.files.values()))
            return tf.data.Dataset.from_tensor_slices(runs).flat_map(
                lambda run: records_from(file, run[0]).take(run[2]).enumerate(run[1])
            )

        single = tf.data.Dataset.from_tensors((index, record)).take(tf.cast(wanted, tf.int64))
        damages = tf.data.Dataset.range(tf.cast(damaged, tf.int64))
        records = single.concatenate(damages.flat_map(lambda _: survey_rest()))
        return records.map(lambda index, record: (epoch_seed, number, index, record))

    def _survey(self, number, index, offset):
        """Logs the damage and returns the runs after it, and whether the file can be read."""
        number = int(number)
        try:
            runs, damage = survey(
                self.files[number], int(offset), int(index), self.num_clips[number]
            )
        except tf.errors.OpError:
            return np.zeros([0, 3], np.int64), False
        for record in damage:
            self.log.add(record)
        return np.array(runs, np.int64).reshape(-1, 3), True

    def _log_content(self, number, index):
        return tf.numpy_function(ends_with_process(self._find_and_log), [number, index], tf.bool)

    def _find_and_log(self, number, index):
        """Logs the damage and returns whether there is any."""
        number = int(number)
        try:
            damage = find_damage(
                self.files[number], int(index), -1, self.num_clips[number], self.limits
            )
        except tf.errors.OpError:
            return False
        if damage is None:
            return False
        self.log.add(damage)
        return True

    def _stop_if(self, wrong, number, index, offset):
        def stop():
            tails = [
                message_tail(file, self.num_clips[key], self.limits)
                for key, file in self.files.items()
            ]
            text = message(index, offset, self._column(number, tails))
            with tf.control_dependencies([tf.debugging.Assert(False, [text])]):
                return tf.constant(True)

        return tf.cond(wrong, stop, lambda: tf.constant(True))

    def _ends(self):
        """Returns number of clips (-1: unknown) and bytes (0: unknown) of all shards."""
        counts = [self.num_clips[number] for number in self.files]
        sizes = [
            0 if count is not None else tf.io.gfile.stat(file).length
            for file, count in zip(self.files.values(), counts, strict=True)
        ]
        known = [-1 if count is None else count for count in counts]
        return np.array(known, np.int64), np.array(sizes, np.int64)

    def _column(self, number, values):
        return tf.constant(values)[tf.argmax(tf.constant(list(self.files)) == number)]
