"""Step 3: the small cases of step 2 under compute-sanitizer."""

import dataclasses
import pathlib
import shutil
import subprocess
import sys
import tempfile

from custom_ops.cuda_check import checks, record

TOOLS = ("memcheck", "racecheck")
PARTS = tuple(f"{tool}:{op}" for tool in TOOLS for op in checks.PARTS)
# An exit status that Python and our own check do not use.
_FOUND = 86


def run(settings, part, record_of_part):
    """Records what a tool finds in an op; `part` is both, `"memcheck:temporal_shift"`."""
    tool, op = part.split(":")
    program = shutil.which("compute-sanitizer")
    program = program or shutil.which(f"{settings.cuda_home}/bin/compute-sanitizer")
    if program is None and settings.rehearse:
        return record_of_part.skip("compute-sanitizer was not found")
    if program is None:
        raise FileNotFoundError(
            "compute-sanitizer must be installed; it is part of the CUDA toolkit. "
            f"Received: cuda_home={settings.cuda_home}"
        )
    if settings.rehearse:
        return record_of_part.skip("it needs a GPU")
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder)
        dataclasses.replace(settings, small=True).save(path / "settings.json")
        command = [program, "--tool", tool, "--error-exitcode", str(_FOUND), "--print-limit", "20"]
        command += [sys.executable, "-m", "custom_ops.cuda_check.part", "check", op]
        command += [str(path / "settings.json"), str(path / "record.json")]
        result = subprocess.run(command, capture_output=True, text=True)
        inner = record.read(path / "record.json")
    record_of_part.value("output", (result.stdout + result.stderr)[-8000:])
    if result.returncode:
        kind = "found something" if result.returncode == _FOUND else "failed"
        record_of_part.problem(
            f"{tool} of {op} {kind} (status {result.returncode}):\n"
            + (result.stdout + result.stderr)[-1500:]
        )
    if inner is None or not inner["ended"]:
        record_of_part.problem(f"{tool} of {op}: the check under it did not come to its end.")
    else:
        record_of_part.value("cases", inner["values"]["cases"])
