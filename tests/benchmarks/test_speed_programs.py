"""The two programs as they are run, with the smallest models and only ours."""

import csv
import subprocess
import sys

from tests import exhaustive

SMALL = ("--quick", "--num_segments=2", "--image_size=32")


def run(program, *arguments):
    return subprocess.run(
        [sys.executable, "-m", f"benchmarks.{program}", *arguments], capture_output=True, text=True
    )


def rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_op_speed(tmp_path):
    report = tmp_path / "op.csv"
    process = run("op_speed", *SMALL, "--presets=tsm_resnet14thin", f"--csv={report}")
    assert process.returncode == 0, process.stderr
    found = rows(report)
    assert {row["layer"] for row in found} == {"TemporalShift"}
    assert {"2x8x8x16", "2x2x2x256"} <= {row["map"] for row in found}
    assert {"reference", "copy"} <= {row["candidate"] for row in found}
    assert all(float(row["lowest_ms"]) > 0 for row in found)
    assert "| TemporalShift" in process.stdout


@exhaustive.MARK
def test_model_speed(tmp_path):
    report = tmp_path / "model.csv"
    presets = "--presets=tsn_resnet14thin"
    process = run("model_speed", *SMALL, presets, "--runtimes=tensorflow", f"--csv={report}")
    assert process.returncode == 0, process.stderr
    found = rows(report)
    assert [(row["form"], row["pass"]) for row in found] == [
        ("function", "inference"),
        ("frozen", "inference"),
        ("step", "training"),
    ]
    assert all(float(row["median_ms"]) > 0 for row in found)
