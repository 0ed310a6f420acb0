"""Reads hostile checkpoints until something other than an error or a valid checkpoint comes out.

  python -m tests.weights.fuzz_checkpoints --cases=10000 --seed=0

Case N is the file that `hostile_checkpoints.make_checkpoint` draws with the seed N. It is read, its
preset is inferred, all its tensors are used, and it is loaded into a model: each of these must
succeed or end in a `CheckpointError` with a message of reasonable length that can be printed; the
model must be as before. A case may take 10 seconds and 400 MB. The cases run in child processes
under a time limit; when one crashes or hangs, the culprit is named.
"""

import collections
import functools
import json
import os
import pathlib
import resource
import tempfile
import time

import numpy as np
from absl import app, flags

from gsf_tf.models import from_preset
from gsf_tf.weights import (
    CheckpointError,
    TorchCheckpoint,
    infer_preset,
    load_torch_backbone,
    load_torch_checkpoint,
)
from tests.data.fuzz_records import FINE, watch
from tests.weights.hostile_checkpoints import make_checkpoint

FLAGS = flags.FLAGS
PROGRAM = ["-m", "tests.weights.fuzz_checkpoints"]
MAX_SECONDS, MAX_MEGABYTES, MAX_MESSAGE = 10, 400, 2_000_000


@functools.cache
def model():
    """The model into which all files are loaded, and its weights."""
    network = from_preset("tsn_resnet14thin", 3, 2, (32, 32, 3))
    return network, network.get_weights()


def run_case(path, seed):
    """Writes a file and reads it; returns its kind and what came of it."""
    kind = make_checkpoint(path, seed)
    model()
    start, before = time.monotonic(), peak_megabytes()
    try:
        outcome = read(path)
    except CheckpointError as error:
        message = str(error)
        assert len(message) < MAX_MESSAGE and message.encode("utf-8"), kind
        assert str(path) in message and "\x1b" not in message, message
        outcome = "reported"
    seconds, grown = time.monotonic() - start, peak_megabytes() - before
    assert seconds < MAX_SECONDS, (kind, seconds)
    assert grown < MAX_MEGABYTES, (kind, grown)
    return kind, outcome


def read(path):
    """Does all that can be done with a file; returns "valid" if it can be read."""
    checkpoint = TorchCheckpoint.read(path)
    network, weights = model()
    for step in (
        lambda: infer_preset(checkpoint).complete(),
        lambda: [tensor.numpy() for tensor in checkpoint.tensors.values()],
        lambda: load_torch_backbone(network.backbone, checkpoint),
        lambda: load_torch_checkpoint(network, checkpoint),
    ):
        try:
            step()
        except CheckpointError as error:
            assert len(str(error)) < MAX_MESSAGE and str(error).encode("utf-8")
    for ours, now in zip(weights, network.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, now)
    size, held = os.path.getsize(path), checkpoint.tensors.values()
    assert all(np.prod(tensor.shape, dtype=object) <= size for tensor in held)
    return "valid"


def peak_megabytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run_cases(first, count):
    """Runs cases in this process; a line of JSON for each."""
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(first, first + count):
            result = run_case(pathlib.Path(folder) / f"{seed}.pth.tar", seed)
            print(json.dumps([result]), flush=True)
            (pathlib.Path(folder) / f"{seed}.pth.tar").unlink()


def main(_):
    if FLAGS.child:
        run_cases(FLAGS.seed, FLAGS.cases)
        return 0
    table, failures = collections.Counter(), 0
    outcomes = watch(FLAGS.seed, FLAGS.cases, 1, FLAGS.limit, PROGRAM)
    for number, (seed, kind, outcome) in enumerate(outcomes, 1):
        if outcome not in FINE:
            print(f"case {seed}: {outcome}", flush=True)
            failures, outcome = failures + 1, "failed"
        table[kind, outcome] += 1
        if number % 1000 == 0:
            print(f"{number} cases, {failures} failures", flush=True)
    for (kind, outcome), number in sorted(table.items()):
        print(f"{kind:28} {outcome:10} {number}")
    return int(failures > 0)


if __name__ == "__main__":
    flags.DEFINE_integer("cases", 10000, "How many.", 1)
    flags.DEFINE_integer("seed", 0, "Seed of the first case; the others follow.", 0)
    flags.DEFINE_integer("per_pass", 1, "Used by this program itself.", 1)
    flags.DEFINE_integer("limit", 60, "Seconds after which a case counts as hung.", 1)
    flags.DEFINE_bool("child", False, "Used by this program itself.")
    app.run(main)
