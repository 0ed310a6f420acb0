"""Reads damaged records until something other than an error or a valid clip comes out.

  python -m tests.data.fuzz_records --cases=10000 --seed=0

Case N is a shard with the damage that `damage_maker.damage_file` draws with the seed N. Many shards
are read in one pass with on_error="skip": each must give the clips that are left, and the others
must be counted, with file and offset. The first case of each pass is also read alone, in evaluation
and in training, which must give all clips or end in a `DataError`. The passes run in child
processes under a time limit; when one crashes or hangs, its cases are tried one by one, and the
culprit is named.
"""

import collections
import json
import logging
import pathlib
import tempfile

import numpy as np
from absl import app

from gsf_tf.data import DamageLog, DataError, reports_damage, video_dataset_from_records
from tests.data.damage_maker import damage_file
from tests.data.small_records import describe_records, small_records
from tests.fuzzing import define_flags, run

NUM_CLIPS, NUM_CLASSES = 5, 3
PROGRAM = ["-m", "tests.data.fuzz_records"]


def run_pass(folder, records, seeds):
    """Returns for each seed the kind of damage and what came of it.

    Args:
        folder: An empty folder.
        records: Those of an undamaged shard.
        seeds: The cases.
    """
    paths = [
        folder / f"train-{number:05d}-of-{len(seeds):05d}.tfrecord" for number in range(len(seeds))
    ]
    kinds = [damage_file(path, records, seed) for path, seed in zip(paths, seeds, strict=True)]
    describe_records(folder, {path.name: NUM_CLIPS for path in paths}, NUM_CLASSES)
    log = DamageLog()
    left = read(paths, on_error="skip", damage=log)
    results = []
    for path, kind in zip(paths, kinds, strict=True):
        damage = [record for record in log.records if record.file == str(path)]
        missing = sum(record.clips for record in damage)
        assert left[path.name] + missing == NUM_CLIPS, (kind, left[path.name], damage)
        results.append((kind, "reported" if damage else "valid"))
    check_stopping(paths[0], [record for record in log.records if record.file == str(paths[0])])
    return results


def check_stopping(path, damage):
    """Reads a shard in the way that stops at damage."""
    for options in ({}, {"training": True, "epoch": 0, "drop_remainder": False}):
        try:
            with reports_damage():
                left = read([path], **options)
        except DataError as error:
            # Damage of frames that evaluation does not sample shows in training only.
            assert options or any(str(record) in str(error) for record in damage), error
            assert path.name in str(error) and "at byte" in str(error)
        else:
            assert left[path.name] == NUM_CLIPS and (options or not damage), (left, damage)


def read(paths, **options):
    """Reads the shards, checks each clip, and returns the number of clips of each shard."""
    dataset = video_dataset_from_records(
        list(map(str, paths)), 2, 16, image_size=(16, 16), clip_ids=True, **options
    )
    left = collections.Counter()
    for clips, labels, ids in dataset.as_numpy_iterator():
        assert clips.dtype == np.uint8 and clips.shape == (len(ids), 2, 16, 16, 3)
        assert ((labels >= 0) & (labels < NUM_CLASSES)).all()
        left.update(value.split(b":")[0].decode() for value in ids)
    return left


def run_cases(first, count, per_pass):
    """Runs cases in this process; a line of JSON for each pass."""
    logging.disable(logging.WARNING)
    records = small_records(NUM_CLIPS, NUM_CLASSES)
    for begin in range(first, first + count, per_pass):
        seeds = range(begin, min(begin + per_pass, first + count))
        with tempfile.TemporaryDirectory() as folder:
            results = run_pass(pathlib.Path(folder), records, seeds)
        print(json.dumps(results), flush=True)


if __name__ == "__main__":
    define_flags(cases=10000, per_pass=50, limit=300)
    app.run(lambda _: run(PROGRAM, run_cases))
