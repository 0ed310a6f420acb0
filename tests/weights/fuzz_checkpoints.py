"""Reads hostile checkpoints until something other than an error or a valid checkpoint comes out.

  python -m tests.weights.fuzz_checkpoints --cases=10000 --seed=0

Case N is the file that `hostile_checkpoints.make_checkpoint` draws with the seed N. It is read, its
preset is inferred, all its tensors are used, and it is loaded into a model: each of these must
succeed or end in a `CheckpointError` with a message of reasonable length that can be printed; the
model must be as before. A case may take 10 seconds and 400 MB. The cases run in child processes
under a time limit; when one crashes or hangs, the culprit is named.
"""

import functools
import json
import os
import pathlib
import resource
import tempfile
import time

import numpy as np
from absl import app

from gsf_tf.models import from_preset
from gsf_tf.weights import (
    CheckpointError,
    TorchCheckpoint,
    infer_preset,
    load_torch_backbone,
    load_torch_checkpoint,
)
from tests.fuzzing import define_flags, run
from tests.weights.hostile_checkpoints import make_checkpoint

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


def run_cases(first, count, _):
    """Runs cases in this process; a line of JSON for each."""
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(first, first + count):
            result = run_case(pathlib.Path(folder) / f"{seed}.pth.tar", seed)
            print(json.dumps([result]), flush=True)
            (pathlib.Path(folder) / f"{seed}.pth.tar").unlink()


if __name__ == "__main__":
    define_flags(cases=10000, per_pass=1, limit=60)
    app.run(lambda _: run(PROGRAM, run_cases))
