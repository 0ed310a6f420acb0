"""Reading and loading records so that a damaged one is told apart and named."""

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf

from gsf_tf.attempt import attempt
from gsf_tf.data.damage_log import DamageLog
from gsf_tf.data.damage_report import find_damage, message, message_tail
from gsf_tf.data.record_framing import OVERHEAD, records_from, survey


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

    def read(self, number) -> tf.data.Dataset:
        """Reads the records of one shard.

        Args:
            number: Number of the shard, an int32 scalar.

        Returns:
            A data set of (place in the shard, record).
        """
        file, expected, size = (self._column(number, values) for values in self._ends())
        is_there, end = (tf.data.Dataset.from_tensors(value) for value in (True, ("", False)))
        # A data set that cannot open its file would fail for ever where errors are ignored.
        _, opens = attempt(_read_a_byte, file, otherwise=0)
        files = tf.boolean_mask([file], [opens])
        stream = tf.data.Dataset.zip(tf.data.TFRecordDataset(files), is_there.repeat())

        def check(state, element):
            (place, offset), (record, is_there) = state, element
            # Without `dataset_info.json`, a shard is complete where its file ends.
            early = tf.where(expected < 0, offset < size, place < expected)
            damaged = tf.where(is_there, place == expected, early)
            following = offset + tf.cast(tf.strings.length(record), tf.int64) + OVERHEAD
            if self.log is None:
                passed = self._stop_if(damaged, number, place, offset)
                with tf.control_dependencies([passed]):
                    return (place + 1, following), (place, tf.identity(record), is_there)
            return (place + 1, following), (place, offset, record, is_there, damaged)

        start = (tf.constant(0, tf.int64), tf.constant(0, tf.int64))
        # An error ends the stream of a file, so what comes after it is `end`.
        checked = stream.concatenate(end).ignore_errors().scan(start, check)
        if self.log is None:
            checked = checked.filter(lambda place, record, is_there: is_there)
            return checked.map(lambda place, record, is_there: (place, record))
        return self._leaving_out(checked, number, file, expected)

    def load(self, loader: Callable) -> Callable:
        """Makes a loader of records stop with a message at one that it cannot use.

        Args:
            loader: Takes (seed, shard, place, record) and gives a tuple of tensors, and whether
                the record could be used.

        Returns:
            A function that gives the tuple alone. Where damaged records are left out, the last but
            one of the tuple is added: whether the record could be used.
        """

        def load(epoch_seed, shard, place, record):
            parts, good = loader(epoch_seed, shard, place, record)
            if self.log is None:
                is_explained = good
            else:
                is_explained = tf.cond(
                    good, lambda: tf.constant(True), lambda: self._log_content(shard, place)
                )
            passed = self._stop_if(~is_explained, shard, place, tf.constant(-1, tf.int64))
            with tf.control_dependencies([passed]):
                *parts, last = tf.nest.map_structure(tf.identity, parts)
            return (*parts, last) if self.log is None else (*parts, good, last)

        return load

    def _leaving_out(self, checked, number, file, expected):
        def survey_rest(place, offset):
            runs, can_go_on = tf.numpy_function(
                self._survey, [number, place, offset], [tf.int64, tf.bool]
            )
            passed = self._stop_if(~can_go_on, number, place, offset)
            with tf.control_dependencies([passed]):
                runs = tf.ensure_shape(runs, [None, 3])
            return tf.data.Dataset.from_tensor_slices(runs).flat_map(
                lambda run: records_from(file, run[0]).take(run[2]).enumerate(run[1])
            )

        def choose(place, offset, record, is_there, damaged):
            wanted = is_there & ((expected < 0) | (place < expected))
            single = tf.data.Dataset.from_tensors((place, record)).take(tf.cast(wanted, tf.int64))
            damages = tf.data.Dataset.range(tf.cast(damaged, tf.int64))
            return single.concatenate(damages.flat_map(lambda _: survey_rest(place, offset)))

        return checked.flat_map(choose)

    def _survey(self, number, place, offset):
        """Logs the damage and returns the runs after it, and whether the file can be read."""
        number = int(number)
        try:
            runs, damage = survey(
                self.files[number], int(offset), int(place), self.num_clips[number]
            )
        except tf.errors.OpError:
            return np.zeros([0, 3], np.int64), False
        for record in damage:
            self.log.add(record)
        return np.array(runs, np.int64).reshape(-1, 3), True

    def _log_content(self, number, place):
        return tf.numpy_function(self._find_and_log, [number, place], tf.bool)

    def _find_and_log(self, number, place):
        """Logs the damage and returns whether there is any."""
        number = int(number)
        try:
            damage = find_damage(
                self.files[number], int(place), -1, self.num_clips[number], self.limits
            )
        except tf.errors.OpError:
            return False
        if damage is None:
            return False
        self.log.add(damage)
        return True

    def _stop_if(self, wrong, number, place, offset):
        def stop():
            tails = [
                message_tail(file, self.num_clips[key], self.limits)
                for key, file in self.files.items()
            ]
            text = message(place, offset, self._column(number, tails))
            with tf.control_dependencies([tf.debugging.Assert(False, [text])]):
                return tf.constant(True)

        return tf.cond(wrong, stop, lambda: tf.constant(True))

    def _ends(self):
        """Returns path, number of clips (-1: unknown) and bytes (0: unknown) of all shards."""
        counts = [self.num_clips[number] for number in self.files]
        sizes = [
            0 if count is not None else tf.io.gfile.stat(file).length
            for file, count in zip(self.files.values(), counts, strict=True)
        ]
        known = [-1 if count is None else count for count in counts]
        return list(self.files.values()), np.array(known, np.int64), np.array(sizes, np.int64)

    def _column(self, number, values):
        return tf.constant(values)[tf.argmax(tf.constant(list(self.files)) == number)]


def _read_a_byte(file):
    return tf.data.FixedLengthRecordDataset(file, 1).take(1).reduce(0, lambda count, _: count + 1)
