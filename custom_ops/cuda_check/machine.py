"""On what the check ran."""

import platform
import re
import shutil
import subprocess
import sys

from custom_ops.cuda_check.build import find_nvcc

_ASKED = ("name", "driver_version", "memory.total", "clocks.max.sm", "clocks.max.memory")


def describe(settings):
    """Returns a dictionary of the GPU, the driver, the compiler and the Python."""
    result = {"python": platform.python_version(), "command": " ".join(sys.argv)}
    smi = shutil.which("nvidia-smi")
    if smi is not None:
        values = _output([smi, f"--query-gpu={','.join(_ASKED)}", "--format=csv,noheader"])
        first = values.splitlines()[0].split(", ") if values else []
        result |= dict(zip(_ASKED, first, strict=False))
    nvcc = find_nvcc(settings)
    if nvcc is not None:
        version = re.search(r"release ([\d.]+)", _output([nvcc, "--version"]))
        result["nvcc"] = version[1] if version else "unknown"
    return result


def _output(command):
    result = subprocess.run(command, capture_output=True, text=True)
    return result.stdout if result.returncode == 0 else ""
