"""Reads damaged descriptions of records until something other than an error comes out.

  python -m tests.data.fuzz_descriptions --cases=10000 --seed=0

Case N is a folder of records one of whose small files has the damage that the seed N draws: another
value somewhere, or other bytes. All of them must be read or end in a `DataError`; if
`dataset_info.json` and `labels.txt` are read, the records are inspected, which must count them or
name their damage. The cases run in child processes under a limit of time.
"""

import copy
import dataclasses
import json
import logging
import pathlib
import tempfile

import numpy as np
from absl import app

from gsf_tf.data import (
    ClipListing,
    DataError,
    DatasetInfo,
    LabelMap,
    RecordSettings,
    inspect_records,
    read_quarantine,
)
from gsf_tf.data.writing.finished_shard import FinishedShard, QuarantinedClip
from gsf_tf.data.writing.left_out_clips import read_missing, write_quarantine
from gsf_tf.data.writing.record_plan import RecordPlan
from tests.data.damage_maker import damage_bytes
from tests.data.small_records import write_small_records
from tests.fuzzing import define_flags, run

PROGRAM = ["-m", "tests.data.fuzz_descriptions"]
NUM_CLIPS, NUM_CLASSES = 2, 3
SHARD, SHARD_BYTES = "val-00000-of-00001.tfrecord", 100

VALUES = [
    None, True, False, -1, 0, 1, 3, 10**6, 10**7 + 1, 10**12, 2**63, -(2**63), 10**400,
    1.0, 0.5, 1e308, float("nan"), float("inf"),
    "", "1", "a", "a\nb", " a", "\0", "\ud800", "../a", "/etc/passwd", "a" * 5000,
    [], [[]], {}, {"a": 1}, [None], ["a", "a"], ["a"] * 100, {"": {}}, {"a": {"b": {"c": []}}},
]  # fmt: skip


def change_value(values, rng):
    """Changes, removes, repeats or adds a value at a place of any depth."""
    places = list(_places(values))
    holder, key = places[rng.integers(len(places))]
    value, way = copy.deepcopy(VALUES[rng.integers(len(VALUES))]), rng.integers(5)
    if way < 3:
        holder[key] = value
    elif way == 3:
        del holder[key]
    elif isinstance(holder, list):
        holder.insert(key, holder[key])
    else:
        holder[f"{key}2"] = value


def _places(values):
    for key in list(values) if isinstance(values, dict) else range(len(values)):
        yield values, key
        if isinstance(values[key], dict | list):
            yield from _places(values[key])


def damage_description(folder, seed):
    """Damages one of the two files; returns the name of the kind of damage."""
    rng = np.random.default_rng(seed)
    info = folder / "dataset_info.json"
    kind = ["value", "value", "value", "bytes", "nesting", "labels", "notes"][rng.integers(7)]
    if kind == "notes":
        _damage_note(write_notes(folder)[rng.integers(4)], rng)
    elif kind == "value":
        _change_values(info, rng)
    elif kind == "bytes":
        info.write_bytes(damage_bytes(info.read_bytes(), rng))
    elif kind == "nesting":
        opened = [b"[", b'{"a":'][rng.integers(2)] * int(10 ** rng.integers(1, 6))
        info.write_bytes(info.read_bytes().replace(b'"folder"', opened))
    else:
        labels = folder / "labels.txt"
        labels.write_bytes(damage_bytes(labels.read_bytes(), rng))
    return kind


def write_notes(folder):
    """Writes the files of a run that was interrupted, and those of clips that were left out."""
    clip = QuarantinedClip("a.mp4", "train", "a", "it is damaged", 3)
    plan = RecordPlan.of(ClipListing((), LabelMap(("a", "b"))), RecordSettings())
    dataclasses.replace(plan, clip_bytes=1000.5).save(str(folder))
    FinishedShard(SHARD, "train", "plan", 1, 2, 3, SHARD_BYTES, (clip,)).save(str(folder))
    (folder / SHARD).write_bytes(bytes(SHARD_BYTES))
    write_quarantine(str(folder), [clip])
    (folder / "missing.txt").write_text("train\tb.mp4\n")
    names = ("in_progress.json", FinishedShard.file_name(SHARD), "quarantine.jsonl", "missing.txt")
    return [folder / name for name in names]


def _damage_note(path, rng):
    if path.suffix != ".txt" and rng.integers(2):
        _change_values(path, rng)
    else:
        path.write_bytes(damage_bytes(path.read_bytes(), rng))


def _change_values(path, rng):
    values = json.loads(path.read_text())
    for _ in range(rng.integers(1, 4)):
        if values:
            change_value(values, rng)
    path.write_text(json.dumps(values))


def read_notes(folder):
    """Reads the files of `write_notes`."""
    RecordPlan.load(str(folder))
    FinishedShard.load(str(folder), SHARD, "plan")
    for clip in read_quarantine(str(folder)):
        json.dumps(dataclasses.asdict(clip))
    assert all(len(pair) == 2 for pair in read_missing(str(folder)))


def run_case(folder, seed):
    """Returns the kind of damage and what came of it."""
    write_small_records(folder, NUM_CLIPS, NUM_CLASSES)
    kind = damage_description(folder, seed)
    try:
        if kind == "notes":
            read_notes(folder)
            return kind, "valid"
        info = DatasetInfo.load(str(folder))
        LabelMap.load(str(folder / "labels.txt"))
        for split in info.splits:
            assert all(pathlib.Path(p).parent == folder for p in info.shard_files(folder, split))
        if sum(map(info.num_clips, info.splits)) <= 10**6:
            report = inspect_records(str(folder), decode=False)
            json.dumps(report.as_dict())
            assert sum(report.clips.values()) <= NUM_CLIPS
    except DataError:
        return kind, "reported"
    return kind, "valid"


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
