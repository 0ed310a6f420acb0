"""Runs the programs of `trainers/` without the four seconds that importing TensorFlow takes.

  python -m tests.program_forks

This process has imported what the programs import and not used it. For every line of its standard
input, the command of a program as JSON, it forks; the fork becomes that program, up to the end of
its interpreter, and the exit status comes back as a line.
"""

import functools
import gc
import importlib
import json
import os
import pathlib
import runpy
import subprocess
import sys
import tempfile

REPOSITORY = pathlib.Path(__file__).parents[1]
# Nothing that defines flags: every program has its own.
IMPORTED = (
    "gsf_tf.analysis",
    "gsf_tf.data.pipeline.records_dataset",
    "gsf_tf.data.inspection.record_inspection",
    "gsf_tf.data.video.video_file",
    "gsf_tf.evaluation",
    "gsf_tf.export",
    "gsf_tf.training",
    "gsf_tf.weights",
    "ml_collections.config_flags",
    "rich.progress",
    "rich.table",
)


def run_program(name, *flags):
    """Runs a program and returns the finished process with its output."""
    command = [sys.executable, "-m", f"trainers.{name}", *map(str, flags)]
    with tempfile.TemporaryDirectory() as folder:
        outputs = [pathlib.Path(folder) / stream for stream in ("stdout", "stderr")]
        server = _server()
        server.stdin.write(json.dumps([command, *map(str, outputs)]) + "\n")
        server.stdin.flush()
        status = int(server.stdout.readline())
        return subprocess.CompletedProcess(
            command, status, *(output.read_text() for output in outputs)
        )


def stop():
    """Ends the process that forks, if there is one."""
    if _server.cache_info().currsize:
        _server().communicate()
        _server.cache_clear()


@functools.cache
def _server():
    command = [sys.executable, "-m", "tests.program_forks"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    return subprocess.Popen(command, cwd=REPOSITORY, text=True, **pipes)


def serve():
    """Forks for every line; returns it in the fork, and None when there are no more."""
    for line in sys.stdin:
        child = os.fork()
        if not child:
            return line
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
    return None


def become_program(command, stdout, stderr):
    for descriptor, path in ((0, os.devnull), (1, stdout), (2, stderr)):
        file = os.open(path, os.O_RDWR | os.O_CREAT)
        os.dup2(file, descriptor)
        os.close(file)
    sys.orig_argv, sys.argv = command, command[2:]
    runpy.run_module(command[2], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    for module in IMPORTED:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()
    line = serve()
    if line:
        become_program(*json.loads(line))
