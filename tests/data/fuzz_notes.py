"""Reads damaged notes of records until something other than an error comes out.

  python -m tests.data.fuzz_notes --cases=10000 --seed=0

Case N is a folder with the files of an interrupted run and the lists of clips that were left out,
one of which has the damage that the seed N draws: another value somewhere, or other bytes. All of
them must be read or end in a `DataError`. The cases run in child processes under a limit of time.
"""

import dataclasses
import json
import logging
import pathlib
import tempfile

import numpy as np
from absl import app

from gsf_tf.data import ClipListing, DataError, LabelMap, RecordSettings, read_quarantine
from gsf_tf.data.writing.finished_shard import FinishedShard, QuarantinedClip
from gsf_tf.data.writing.left_out_clips import read_missing, write_quarantine
from gsf_tf.data.writing.record_plan import RecordPlan
from tests.data.damage_maker import damage_bytes
from tests.data.fuzz_descriptions import change_value
from tests.fuzzing import define_flags, run

PROGRAM = ["-m", "tests.data.fuzz_notes"]
SHARD, SHARD_BYTES = "val-00000-of-00001.tfrecord", 100
CLIP = QuarantinedClip("a.mp4", "train", "a", "it is damaged", 3)
PLAN = RecordPlan.of(ClipListing((), LabelMap(("a", "b"))), RecordSettings())


def write_notes(folder):
    """Writes the files, undamaged, and returns their paths."""
    dataclasses.replace(PLAN, clip_bytes=1000.5).save(str(folder))
    FinishedShard(SHARD, "val", "plan", 1, 2, 3, SHARD_BYTES, (CLIP,)).save(str(folder))
    (folder / SHARD).write_bytes(bytes(SHARD_BYTES))
    write_quarantine(str(folder), [CLIP])
    (folder / "missing.txt").write_text("train\tb.mp4\n")
    names = ("in_progress.json", FinishedShard.file_name(SHARD), "quarantine.jsonl", "missing.txt")
    return [folder / name for name in names]


def damage_note(path, rng):
    """Changes values of a file, or its bytes."""
    if path.suffix == ".txt" or rng.integers(3) == 0:
        path.write_bytes(damage_bytes(path.read_bytes(), rng))
        return
    values = json.loads(path.read_text())
    for _ in range(rng.integers(1, 4)):
        if values:
            change_value(values, rng)
    path.write_text(json.dumps(values))


def run_case(folder, seed):
    """Returns the name of the damaged file and what came of it."""
    rng = np.random.default_rng(seed)
    paths = write_notes(folder)
    path = paths[rng.integers(len(paths))]
    damage_note(path, rng)
    kind = path.name.replace(FinishedShard.file_name(SHARD), "SHARD.finished.json")
    try:
        plan = RecordPlan.load(str(folder))
        plan.differences_to(PLAN)
        shard = FinishedShard.load(str(folder), SHARD, "plan")
        for values in (plan, shard, *read_quarantine(str(folder))):
            json.dumps(None if values is None else dataclasses.asdict(values))
        assert all(map(all, read_missing(str(folder))))
    except DataError as error:
        assert str(path) in str(error) and len(str(error)) < 1500, error
        return kind, "reported"
    return kind, "reported" if shard is None else "valid"


def run_cases(first, count, per_pass):
    """Runs cases in this process; a line of JSON for each pass."""
    logging.disable(logging.WARNING)
    for begin in range(first, first + count, per_pass):
        results = []
        for seed in range(begin, min(begin + per_pass, first + count)):
            with tempfile.TemporaryDirectory() as folder:
                results.append(run_case(pathlib.Path(folder), seed))
        print(json.dumps(results), flush=True)


if __name__ == "__main__":
    define_flags(cases=10000, per_pass=100, limit=300)
    app.run(lambda _: run(PROGRAM, run_cases))
