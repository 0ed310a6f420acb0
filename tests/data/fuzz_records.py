"""Reads damaged records until something other than an error or a valid clip comes out.

  python -m tests.data.fuzz_records --cases=10000 --seed=0

Case N is the damage that `damage_maker.damage_file` draws with the seed N. Each is read three times:
in evaluation and in training, which must give all clips or end in a `DataError`, and with
on_error="skip", which must give the clips that are left, and count the others. The cases run in child
processes under a time limit, so that a crash or a hang is found and named by its seed.

--only=N runs case N in this process, to look at it.
"""

import collections
import json
import logging
import pathlib
import subprocess
import sys
import tempfile
import threading

import numpy as np
import tensorflow as tf
from absl import app, flags

from gsf_tf.data import DamageLog, DataError, reports_damage, video_dataset_from_records
from tests.data.damage_maker import damage_file, read_shard, write_shard
from tests.data.small_records import write_small_records

FLAGS = flags.FLAGS
NUM_CLIPS, NUM_CLASSES, SHARD = 5, 3, "train-00000-of-00001.tfrecord"


class Fuzzer:
    """Pipelines over one shard whose file is replaced for each case."""

    def __init__(self, folder):
        self.path = pathlib.Path(folder) / SHARD
        self.records = write_small_records(self.path, NUM_CLIPS, NUM_CLASSES)
        self.log = DamageLog()
        self.evaluation = self._dataset()
        self.training = self._dataset(training=True, drop_remainder=False)
        self.skipping = self._dataset(on_error="skip", damage=self.log)

    def run(self, seed):
        """Returns the kind of damage and what came of it."""
        kind = damage_file(self.path, self.records, seed)
        given, error = self._read(self.evaluation)
        given_training, training_error = self._read(self.training)
        self.log.clear()
        left, skip_error = self._read(self.skipping)
        assert skip_error is None, skip_error
        assert left + self.log.clips == NUM_CLIPS, (left, self.log.records)
        # Training may draw other frames of the clip than the damaged ones.
        for clips, failure in ((given, error), (given_training, training_error)):
            assert failure or clips == NUM_CLIPS, clips
        assert (error is None) == (not self.log.records), (error, self.log.records)
        if error:
            first = str(self.log.records[0])
            assert first in str(error), (first, error)
        return kind, "valid" if error is None else "reported"

    def _dataset(self, **options):
        return video_dataset_from_records(
            str(self.path), 2, 2, image_size=(16, 16), num_parallel_calls=2, **options
        )

    def _read(self, dataset):
        clips = 0
        try:
            with reports_damage():
                for clip, label in dataset.as_numpy_iterator():
                    assert clip.dtype == np.uint8 and clip.shape[1:] == (2, 16, 16, 3)
                    assert ((label >= 0) & (label < NUM_CLASSES)).all()
                    clips += len(label)
        except DataError as error:
            return clips, error
        return clips, None


def run_cases(first, count):
    """Runs cases in this process; a line of JSON for each."""
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        fuzzer = Fuzzer(folder)
        for seed in range(first, first + count):
            kind, outcome = fuzzer.run(seed)
            print(json.dumps([seed, kind, outcome]), flush=True)


def watch(first, count, limit):
    """Runs cases in child processes.

    Args:
        first: First seed.
        count: Number of cases.
        limit: Seconds without a result after which a case counts as a hang.

    Yields:
        (seed, kind, outcome) of each case; the outcome of a case that ended its process is a text
        that begins with "crash" or "hang".
    """
    last = first + count
    while first < last:
        command = [sys.executable, "-m", "tests.data.fuzz_records"]
        command += [f"--first={first}", f"--cases={last - first}", "--child"]
        with tempfile.TemporaryFile("w+") as errors:
            child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
            hung = []

            def stop(child=child, hung=hung):
                hung.append(True)
                child.kill()

            # The first result comes after TensorFlow has started.
            clock = threading.Timer(limit + 60, stop)
            clock.start()
            for line in child.stdout:
                clock.cancel()
                seed, kind, outcome = json.loads(line)
                yield seed, kind, outcome
                first = seed + 1
                clock = threading.Timer(limit, stop)
                clock.start()
            status = child.wait()
            clock.cancel()
            if first < last:
                errors.seek(0)
                text = "hang" if hung else f"crash (status {status})"
                yield first, "?", f"{text}: {errors.read()[-2000:]}"
                first += 1


def main(_):
    if FLAGS.child:
        run_cases(FLAGS.first, FLAGS.cases)
        return 0
    if FLAGS.only is not None:
        run_cases(FLAGS.only, 1)
        return 0
    table, failures = collections.Counter(), 0
    for begin in range(FLAGS.seed, FLAGS.seed + FLAGS.cases, FLAGS.chunk):
        count = min(FLAGS.chunk, FLAGS.seed + FLAGS.cases - begin)
        for seed, kind, outcome in watch(begin, count, FLAGS.limit):
            if outcome not in ("valid", "reported"):
                print(f"case {seed}: {outcome}", flush=True)
                failures += 1
                outcome = "failed"
            table[kind, outcome] += 1
        print(f"{begin + count - FLAGS.seed} cases, {failures} failures", flush=True)
    for (kind, outcome), number in sorted(table.items()):
        print(f"{kind:24} {outcome:10} {number}")
    return int(failures > 0)


if __name__ == "__main__":
    flags.DEFINE_integer("cases", 10000, "How many.", 1)
    flags.DEFINE_integer("seed", 0, "Seed of the first case; the others follow.", 0)
    flags.DEFINE_integer("chunk", 1000, "Cases of one process.", 1)
    flags.DEFINE_integer("limit", 60, "Seconds after which a case hangs.", 1)
    flags.DEFINE_integer("only", None, "Run this case alone, in this process.")
    flags.DEFINE_integer("first", 0, "First case of a child.")
    flags.DEFINE_bool("child", False, "Used by this program itself.")
    app.run(main)
