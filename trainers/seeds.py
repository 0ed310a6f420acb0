"""The same run with several seeds, one after the other, and the mean of their results."""

import json
import pathlib
import signal
import statistics
import subprocess
import sys

from gsf_tf.errors import UserError

RESULTS = {"best": "best epoch", "last": "last epoch"}


def train_seeds(arguments, workdir, first, count, console):
    """Trains with seeds `first`, `first + 1`, ... in the folders `seed-<n>` of a workdir.

    Each run is a process of its own. One that has ended is not repeated, and one that was stopped
    goes on, as with `gsf-tf train` itself.

    Args:
        arguments: Flags of `gsf-tf train`, without `--seeds`.
        workdir: Folder of the runs.
        first: Seed of the first run.
        count: Number of runs, >= 2.
        console: Where the table is printed.

    Returns:
        The exit status of the run that did not end, or None.
    """
    folder = pathlib.Path(workdir)
    runs = {seed: folder / f"seed-{seed}" for seed in range(first, first + count)}
    for seed, path in runs.items():
        console.print(f"Seed {seed}, in {path}")
        own = [f"--config.seed={seed}", f"--workdir={path}"]
        status = run_process([sys.executable, "-m", f"{__package__}.train", *arguments, *own])
        if status:
            return status
    results = {seed: top1_of(path) for seed, path in runs.items()}
    for line in summary_lines(results):
        console.print(line)
    return None


def run_process(command):
    """Runs a command, passes signals on to it, and returns its exit status."""
    process = subprocess.Popen(command)
    # A terminal sends Ctrl-C to both; the run ends after its checkpoint, and this one with it.
    handlers = {
        signal.SIGTERM: lambda number, frame: process.send_signal(number),
        signal.SIGINT: lambda number, frame: None,
    }
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        return process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def top1_of(path):
    """Returns the top-1 of the best and of the last validation of a run, 0..1.

    Raises:
        UserError: If the run has no validation.
    """
    lines = [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]
    top1 = [line["val/top1"] for line in lines if "val/top1" in line]
    if not top1:
        raise UserError(
            f"A run must have a validation. Received: {path / 'metrics.jsonl'}, which has none."
        )
    return {"best": max(top1), "last": top1[-1]}


def summary_lines(results):
    """Returns lines with the mean and the range over the seeds.

    Args:
        results: Dictionary from seeds to the dictionaries of `top1_of`.
    """
    for key, name in RESULTS.items():
        values = [100 * result[key] for result in results.values()]
        yield (
            f"Validation top-1 of the {name}, {len(values)} seeds: mean "
            f"{statistics.mean(values):.1f} %, from {min(values):.1f} to {max(values):.1f} %"
        )
