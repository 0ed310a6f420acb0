"""Reads damaged workdirs until something other than an error or what was written comes out.

  python -m tests.training.fuzz_workdirs --cases=10000 --seed=0

Case N copies a small run with three checkpoints, and damages some of its files as the seed N says:
bytes are changed, removed, inserted or repeated, files are cut off, exchanged, or replaced by named
pipes, folders and links, and odd names are added. All that the programs read of a run must be as it
was written or end in a `UserError`; a checkpoint that is restored must be one that was saved; the
file that links lead to must stay. The cases run in child processes under a time limit.
"""

import functools
import json
import os
import pathlib
import shutil
import tempfile

import ml_collections
import numpy as np
import tensorflow as tf
from absl import app

from gsf_tf.data import DatasetInfo, LabelMap
from gsf_tf.errors import UserError
from gsf_tf.training.checkpoints import Checkpoints
from gsf_tf.training.run_state import RunState
from gsf_tf.training.step_totals import StepTotals
from gsf_tf.workdir import Workdir
from tests.data.damage_maker import cut, flip, insert, remove, repeat, zero
from tests.fuzzing import define_flags, run

PROGRAM = ["-m", "tests.training.fuzz_workdirs"]
PLACES = ((1, 0), (2, 0), (3, 30))
MAX_MESSAGE = 3000
CONFIG = {"data": {"records": "r", "val_split": "val", "sampling": "segments"}, "seed": 0}
DAMAGES = {f.__name__: f for f in (flip, cut, remove, insert, zero, repeat)}


def checkpoints_in(folder, keep=3):
    variable = tf.Variable([0.0, 0.0])
    return variable, Checkpoints(folder, tf.train.Checkpoint(variable=variable), keep)


def save(variable, checkpoints, epoch, step):
    sums = {"loss": 12.5, "clips": 8.0} if step else {}
    best = {"epoch": 1, "top1": 0.5, "checkpoint": "epoch-0002-step-00000000"}
    variable.assign([float(epoch), float(step)])
    return checkpoints.save(RunState(epoch, step, StepTotals(sums), best))


@functools.cache
def template():
    """The folder of an undamaged run."""
    workdir = Workdir(tempfile.mkdtemp())
    info = DatasetInfo(
        ["down", "up"], LabelMap(["down", "up"]).fingerprint, {"short_side": 84}, "", {}
    )
    workdir.start(ml_collections.ConfigDict(CONFIG), info)
    workdir.append_metrics({"epoch": 1, "val/top1": 0.5})
    variable, checkpoints = checkpoints_in(workdir.checkpoints)
    for place in PLACES:
        save(variable, checkpoints, *place)
    return workdir.path


def run_case(folder, seed):
    """Damages a copy of the run and reads it; returns the kind of damage and what came of it."""
    rng = np.random.default_rng(seed)
    run, foreign = folder / "run", folder / "foreign"
    shutil.copytree(template(), run)
    foreign.write_text("of somebody else")
    kinds = {damage(run, foreign, rng) for _ in range(rng.integers(1, 4))}
    outcomes = {read(lambda: Workdir(run).read_config("data.records", "seed")), restore(run)}
    for reader in (Workdir.read_labels, Workdir.read_metrics):
        outcomes.add(read(lambda reader=reader: reader(Workdir(run))))
    read(lambda: Workdir(run).load_model())  # It has none.
    outcomes.add(read(lambda: Workdir(run).read_run("records.short_side", "continued")))
    outcomes.add(read(lambda: save(*checkpoints_in(run / "checkpoints", keep=1), 10000, 0)))
    assert foreign.read_text() == "of somebody else"
    return sorted(kinds)[0], "reported" if "reported" in outcomes else "valid"


def damage(run, foreign, rng):
    """Damages a file of a run; returns the name of the kind."""
    files = sorted(path for path in run.rglob("*") if path.is_file() and not path.is_symlink())
    path = files[rng.integers(len(files))]
    kind = [*DAMAGES, "pipe", "folder", "link", "exchange", "name"][rng.integers(11)]
    if kind in DAMAGES:
        data = path.read_bytes()
        path.write_bytes(DAMAGES[kind](data, rng) if data else b"")
    elif kind == "exchange":
        data = files[rng.integers(len(files))].read_bytes()
        path.write_bytes(data)
    elif kind == "name":
        stem = ["epoch-10001-step-00000000", "epoch-x-step-y", "epoch-0004-step-00000000.partial"]
        add(path.parents[rng.integers(2)] / stem[rng.integers(3)], foreign, rng)
    else:
        path.unlink()
        add(path, foreign, rng, kind)
    return kind


def add(path, foreign, rng, kind=None):
    kind = kind or ("pipe", "folder", "link", "file")[rng.integers(4)]
    if os.path.lexists(path):
        return
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "link":
        path.symlink_to((foreign, foreign.parent, "nowhere", "/dev/zero")[rng.integers(4)])
    else:
        path.write_bytes(rng.bytes(100))


def read(action):
    try:
        action()
    except UserError as error:
        assert len(str(error)) < MAX_MESSAGE and str(error).encode("utf-8")
        return "reported"
    return "valid"


def restore(run):
    """Restores the newest checkpoint, which must be one that was saved, and all of it."""
    variable, checkpoints = checkpoints_in(run / "checkpoints")
    said = []
    try:
        state = checkpoints.restore_latest(said.append)
    except UserError as error:
        assert len(str(error)) < MAX_MESSAGE
        return "reported"
    assert all(len(line) < MAX_MESSAGE for line in said)
    if state is not None:
        place = (state.epoch, state.step)
        assert place in PLACES and tuple(variable.numpy()) == place, (place, variable)
        assert state.totals.settle() == ({"loss": 12.5, "clips": 8.0} if state.step else {})
        assert state.best == {
            "epoch": 1,
            "top1": 0.5,
            "checkpoint": "epoch-0002-step-00000000",
        }
    return "reported" if said else "valid"


def run_cases(first, count, _):
    """Runs cases in this process; a line of JSON for each."""
    for seed in range(first, first + count):
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps([run_case(pathlib.Path(folder), seed)]), flush=True)


if __name__ == "__main__":
    define_flags(cases=10000, per_pass=1, limit=60)
    app.run(lambda _: run(PROGRAM, run_cases))
