import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def run(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "custom_ops.check_cuda", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )


def test_help_teaches():
    result = run("--help")
    assert result.returncode == 0
    assert "python -m custom_ops.check_cuda" in result.stdout
    assert "exit status is 1" in result.stdout


def test_without_a_gpu_it_fails_in_one_sentence():
    result = run(CUDA_VISIBLE_DEVICES="")
    assert result.returncode == 1
    assert "cudaGetDeviceCount failed" in result.stderr or "libcudart.so" in result.stderr
    assert "Traceback" not in result.stderr


def test_it_needs_no_tensorflow():
    code = "import sys, custom_ops.check_cuda; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
