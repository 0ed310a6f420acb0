"""The command that checks and times the CUDA kernels, on a machine without a GPU."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

from custom_ops.cuda_check.steps import STEPS
from tests import exhaustive

ROOT = pathlib.Path(__file__).resolve().parents[2]


def run(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "custom_ops.cuda_check", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )


def read_report(folder):
    return json.loads((folder / "report.json").read_text())


def test_help_teaches():
    result = run("--help")
    assert result.returncode == 0
    assert "python -m custom_ops.cuda_check" in result.stdout
    assert "exit status is 1" in result.stdout
    assert all(f"\n  {name}" in result.stdout for name in STEPS)


def test_unknown_steps_are_refused(tmp_path):
    result = run("--steps=check,fly", f"--output={tmp_path}")
    assert result.returncode == 2
    assert "Received: fly" in result.stderr


@exhaustive.MARK
def test_a_rehearsal_does_everything_but_the_launches(tmp_path):
    # Compiling takes minutes, and sanitizers need a GPU.
    steps = "check,sanitize,kernels,pytorch,networks"
    sizes = "--clips", 16, "--dtypes", "bfloat16"
    result = run("--rehearse", f"--steps={steps}", f"--output={tmp_path}", *sizes)
    assert result.returncode == 0, result.stdout + result.stderr
    report = read_report(tmp_path)
    statuses = {name: step["status"] for name, step in report["steps"].items()}
    expected = dict.fromkeys(steps.split(","), "passed") | {"sanitize": "skipped"}
    assert statuses == expected
    parts = report["steps"]["check"]["parts"]
    assert sum(part["values"]["cases"] for part in parts.values()) == 49
    kernels = report["steps"]["kernels"]["parts"]
    assert {name: len(part["rows"]) for name, part in kernels.items()} == {
        "temporal_shift": 4,
        "gate_shift_fuse": 36,
        "rubiks_shift": 26,
        "motion_flow": 2,
        "rubiks_shift_pointwise": 20,
    }
    # What the largest map needs fits on a card with 80 GB.
    assert max(part["values"]["most_bytes"] for part in kernels.values()) < 40e9
    networks = report["steps"]["networks"]["parts"]["resnet50"]
    assert networks["values"]["parameters"] == 25_557_032
    assert all(goal["verdict"] == "not measured" for goal in report["goals"])
    assert "not measured" in result.stdout
    assert "gate_shift_fuse" in (tmp_path / "tables.txt").read_text()


def test_a_step_that_fails_is_reported_and_the_next_goes_on(tmp_path):
    result = run("--steps=check,kernels", f"--output={tmp_path}", CUDA_VISIBLE_DEVICES="")
    assert result.returncode == 1
    report = read_report(tmp_path)
    for step in report["steps"].values():
        assert step["status"] == "failed"
        for part in step["parts"].values():
            (problem,) = part["problems"]
            assert "cudaGetDeviceCount failed" in problem or "libcudart.so" in problem
            assert "Traceback" not in problem
    assert "Not all steps passed." in result.stdout


def test_a_step_that_takes_too_long_is_stopped(tmp_path):
    result = run("--rehearse", "--steps=check", f"--output={tmp_path}", "--minutes=0")
    assert result.returncode == 1
    step = read_report(tmp_path)["steps"]["check"]
    assert {part["status"] for part in step["parts"].values()} == {"stopped"}


@pytest.mark.parametrize("module", ["__main__", "part"])
def test_it_needs_no_tensorflow_and_no_pytorch(module):
    code = f"""import sys, custom_ops.cuda_check.{module}
sys.exit("tensorflow" in sys.modules or "torch" in sys.modules)"""
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
