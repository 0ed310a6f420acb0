"""Reads and loads records so that a damaged one is detected and named."""

import dataclasses
import functools
from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf

from gsf_tf.data.pipeline.python_calls import ends_with_process
from gsf_tf.data.records.damage_log import DamageLog
from gsf_tf.data.records.damage_report import find_damage, message, message_tail
from gsf_tf.data.records.record_framing import OVERHEAD, records_from, survey
from gsf_tf.ops.can_read import can_read
from gsf_tf.ops.count_records import count_records


@dataclasses.dataclass(frozen=True)
class CheckedShards:
    """Shards whose damaged records stop the pipeline, or are left out and logged.

    Args:
        files: Paths of the shards by their numbers, which count the shards of all workers.
        num_clips: For each shard, the number of records that it should have, `None` if unknown.
        limits: Number of classes by the key of each label that is read, `None` if unknown.
        log: The log to which damaged records are added when they are left out. With `None`, the
            pipeline stops at the first one.
    """

    files: Mapping[int, str]
    num_clips: Mapping[int, int | None]
    limits: Mapping[str, int | None]
    log: DamageLog | None = None

    def read(self, shards: tf.data.Dataset) -> tf.data.Dataset:
        """Reads the records of shards, one shard after the other.

        Args:
            shards: A dataset of (seed of the epoch, number of the shard): int32 `[2]` and an int32
                scalar.

        Returns:
            A dataset of (seed of the epoch, number of the shard, index in the shard, record).
        """
        ends = (self._file_names, *self._ends())
        present, end = (tf.data.Dataset.from_tensors(value) for value in (True, ("", False)))

        # No `map` or `filter` per record here: each would have to be set up again for every shard.
        def open_shard(epoch_seed, number):
            file, expected, size = (self._column(number, values) for values in ends)
            # `ignore_errors` would try again without end to open a file that cannot be opened.
            files = tf.boolean_mask([file], [can_read(file)])
            # A length that is longer than the file would end the process.
            count = count_records(file, tf.where(expected < 0, expected, expected + 1))
            stream = tf.data.TFRecordDataset(files).take(count)
            stream = tf.data.Dataset.zip(stream, present.repeat())
            # An error ends the stream of a file, so that `end` follows.
            stream = stream.concatenate(end).ignore_errors().enumerate()
            shard = tf.data.Dataset.from_tensors((epoch_seed, number, expected, size))
            return tf.data.Dataset.zip(shard.repeat(), stream)

        def check(offset, element):
            (epoch_seed, number, expected, size), (index, (record, is_record)) = element
            offset = tf.where(index == 0, tf.constant(0, tf.int64), offset)
            # Without `dataset_info.json`, a shard is complete if its file has been read to the end.
            early = tf.where(expected < 0, offset < size, index < expected)
            damaged = tf.where(is_record, index == expected, early)
            following = offset + tf.cast(tf.strings.length(record), tf.int64) + OVERHEAD
            if self.log is None:
                passed = self._stop_if(damaged, number, index, offset)
                with tf.control_dependencies([passed]):
                    return following, (epoch_seed, number, index, tf.identity(record), is_record)
            wanted = is_record & ((expected < 0) | (index < expected))
            return following, (epoch_seed, number, index, offset, record, wanted, damaged)

        checked = shards.flat_map(open_shard).scan(tf.constant(0, tf.int64), check)
        if self.log is not None:
            return checked.flat_map(self._choose)
        checked = checked.filter(lambda *element: element[-1])
        return checked.map(lambda *element: element[:-1])

    def load(self, loader: Callable) -> Callable:
        """Makes a loader stop the pipeline, or log the damage, at a record that it cannot use.

        Args:
            loader: A function from (number of the shard, index in the shard, ...) to a pair: a
                tuple of tensors, and a bool that says whether the record could be used.

        Returns:
            A function with the same arguments that returns the tuple. If there is a log, the tuple
            has one more component, the second-to-last: the bool.
        """

        def load(shard, index, *selected):
            values, good = loader(shard, index, *selected)
            if self.log is None:
                is_explained = good
            else:
                is_explained = tf.cond(
                    good, lambda: tf.constant(True), lambda: self._log_content(shard, index)
                )
            passed = self._stop_if(~is_explained, shard, index, tf.constant(-1, tf.int64))
            with tf.control_dependencies([passed]):
                *values, last = tf.nest.map_structure(tf.identity, values)
            return (*values, last) if self.log is None else (*values, good, last)

        return load

    def _choose(self, epoch_seed, number, index, offset, record, wanted, damaged):
        """Returns the record if it is wanted, and after a damaged record those that can be read."""

        def survey_rest():
            runs, can_go_on = tf.numpy_function(
                ends_with_process(self._survey), [number, index, offset], [tf.int64, tf.bool]
            )
            passed = self._stop_if(~can_go_on, number, index, offset)
            with tf.control_dependencies([passed]):
                runs = tf.ensure_shape(runs, [None, 3])
            file = self._column(number, self._file_names)
            return tf.data.Dataset.from_tensor_slices(runs).flat_map(
                lambda run: records_from(file, run[0]).take(run[2]).enumerate(run[1])
            )

        single = tf.data.Dataset.from_tensors((index, record)).take(tf.cast(wanted, tf.int64))
        damages = tf.data.Dataset.range(tf.cast(damaged, tf.int64))
        records = single.concatenate(damages.flat_map(lambda _: survey_rest()))
        return records.map(lambda index, record: (epoch_seed, number, index, record))

    def _survey(self, number, index, offset):
        """Logs the damage; returns the intact runs after it, and if the file is readable."""
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
        """Logs the damage of a record; returns False if none was found."""
        number, index = int(number), int(index)
        file = self.files[number]
        if self.log.has(file, index):
            return True
        try:
            damage = find_damage(file, index, -1, self.num_clips[number], self.limits)
        except tf.errors.OpError:
            return False
        if damage is None:
            return False
        self.log.add(damage)
        return True

    def _stop_if(self, wrong, number, index, offset):
        def stop():
            text = message(index, offset, self._column(number, self._tails))
            with tf.control_dependencies([tf.debugging.Assert(False, [text])]):
                return tf.constant(True)

        return tf.cond(wrong, stop, lambda: tf.constant(True))

    # The tables below are made once, outside of the functions that use them: each function would
    # hold a copy, and copies of thousands of names take seconds to be passed on to tf.data.

    @functools.cached_property
    def _numbers(self):
        return _constant(list(self.files))

    @functools.cached_property
    def _file_names(self):
        return _constant(list(self.files.values()))

    @functools.cached_property
    def _tails(self):
        """The ends of the messages on the records of each shard."""
        return _constant(
            [
                message_tail(file, self.num_clips[key], self.limits)
                for key, file in self.files.items()
            ]
        )

    def _ends(self):
        """Returns the number of clips of each shard, -1 if unknown, and its bytes if so, else 0."""
        counts = [self.num_clips[number] for number in self.files]
        sizes = [
            0 if count is not None else tf.io.gfile.stat(file).length
            for file, count in zip(self.files.values(), counts, strict=True)
        ]
        known = [-1 if count is None else count for count in counts]
        return _constant(np.array(known, np.int64)), _constant(np.array(sizes, np.int64))

    def _column(self, number, values):
        return values[tf.argmax(self._numbers == number)]


def _constant(values):
    # tf.data runs its functions on the CPU.
    with tf.init_scope(), tf.device("CPU:0"):
        return tf.constant(values)
