"""What the files of a run and of an evaluation say of the process that wrote them."""

import datetime
import pathlib
import platform
import subprocess
import sys
from typing import Any

import keras
import tensorflow as tf

import gsf_tf


def describe_process() -> dict[str, Any]:
    """Returns time, command, git revision of the code, versions and devices, ready for JSON."""
    try:
        revision = subprocess.run(
            ["git", "describe", "--always", "--dirty"],
            cwd=pathlib.Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        revision = None
    return {
        "time": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "command": sys.orig_argv,
        "git_revision": revision,
        "versions": {
            "python": platform.python_version(),
            "gsf_tf": gsf_tf.__version__,
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
        },
        "devices": [device.name for device in tf.config.list_logical_devices()],
    }
