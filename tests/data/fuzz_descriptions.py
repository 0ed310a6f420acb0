"""Reads damaged descriptions of records until something other than an error comes out.

  python -m tests.data.fuzz_descriptions --cases=10000 --seed=0

Case N is a folder of records whose `dataset_info.json` or `labels.txt` has the damage that the
seed N draws: another value somewhere, or other bytes. Both files must be read or end in a
`DataError`; if both are read, the records are inspected, which must count them or name their
damage. The cases run in child processes under a limit of time.
"""

import copy
import json
import logging
import pathlib
import tempfile

import numpy as np
from absl import app

from gsf_tf.data import DataError, DatasetInfo, LabelMap, inspect_records
from tests.data.damage_maker import damage_bytes
from tests.data.small_records import write_small_records
from tests.fuzzing import define_flags, run

PROGRAM = ["-m", "tests.data.fuzz_descriptions"]
NUM_CLIPS, NUM_CLASSES = 2, 3

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
    kind = ["value", "value", "value", "bytes", "nesting", "labels"][rng.integers(6)]
    if kind == "value":
        values = json.loads(info.read_text())
        for _ in range(rng.integers(1, 4)):
            if values:
                change_value(values, rng)
        info.write_text(json.dumps(values))
    elif kind == "bytes":
        info.write_bytes(damage_bytes(info.read_bytes(), rng))
    elif kind == "nesting":
        opened = [b"[", b'{"a":'][rng.integers(2)] * int(10 ** rng.integers(1, 6))
        info.write_bytes(info.read_bytes().replace(b'"folder"', opened))
    else:
        labels = folder / "labels.txt"
        labels.write_bytes(damage_bytes(labels.read_bytes(), rng))
    return kind


def run_case(folder, seed):
    """Returns the kind of damage and what came of it."""
    write_small_records(folder, NUM_CLIPS, NUM_CLASSES)
    kind = damage_description(folder, seed)
    try:
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
