"""Kernels on vectors of other widths, in processes of their own."""

import importlib.util
import os
import pathlib
import subprocess
import sys

import numpy as np

# Without TensorFlow, whose library has functions that ours wants.
PROGRAM = """
import ctypes, importlib, sys
import numpy as np
module, library, folder, target = sys.argv[1:]
test = importlib.import_module(module)
for name in ("libtensorflow_framework.so.2", "libtensorflow_cc.so.2"):
    ctypes.CDLL(folder + "/" + name, ctypes.RTLD_GLOBAL)
kernels = test.load(library)
results = [test.run(kernels, case, "float32") for case in test.CASES]
np.savez(target, *(array for result in results for array in result.values()))
"""


def results_by_width(module, folder, widths=(16, 32)):
    """Returns for each width in bytes the arrays that a module's `run` gives for its `CASES`.

    Args:
        module: Name of a module of tests with `CASES`, `load` and `run`.
        folder: Folder for the results.
        widths: Widths of the vectors.
    """
    from gsf_tf.ops import library

    tensorflow = pathlib.Path(importlib.util.find_spec("tensorflow").origin).parent
    command = [sys.executable, "-c", PROGRAM, module, library.LIBRARY_PATH, tensorflow]
    processes = [
        subprocess.Popen(
            [*command, folder / f"{width}"],
            env={**os.environ, "GSF_TF_CPU_VECTOR_BYTES": str(width)},
        )
        for width in widths
    ]
    assert [process.wait() for process in processes] == [0] * len(widths)
    return [list(np.load(folder / f"{width}.npz").values()) for width in widths]
