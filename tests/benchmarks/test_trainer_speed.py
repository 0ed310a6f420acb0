"""`benchmarks.trainer_speed`: the trainer beside the bare passes of the same network."""

import subprocess
import sys

import pytest

COMMAND = [sys.executable, "-m", "benchmarks.trainer_speed"]


@pytest.mark.exhaustive
def test_both_are_timed():
    sizes = ["--presets=tsn_resnet14thin", "--clips=36", "--rounds=1"]
    done = subprocess.run([*COMMAND, *sizes], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    (row,) = [line for line in done.stdout.splitlines() if line.startswith("| tsn_resnet14thin")]
    _, _, bare, trainer, ratio, goal, verdict, _ = (cell.strip() for cell in row.split("|"))
    # The ratio is of unrounded times.
    assert float(ratio) == pytest.approx(float(trainer) / float(bare), rel=0.05)
    assert verdict == ("met" if float(ratio) >= float(goal.removeprefix(">= ")) else "missed")


@pytest.mark.exhaustive
def test_an_unknown_network():
    done = subprocess.run([*COMMAND, "--presets=gsf_resnet5"], capture_output=True, text=True)
    assert done.returncode != 0 and "gsf_resnet5" in done.stderr and "gsf_resnet50" in done.stderr
