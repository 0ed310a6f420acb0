"""What the programs `stock_*_run.py` share, which run an export without gsf_tf.

They are started by their file names, so this file is beside them on the path of imports and not in
a package: `import stock_results`, before TensorFlow.
"""

import io
import os
import pathlib
import sys

import numpy as np

# TensorFlow imports Keras, and Keras imports these where they are installed, which takes a third of
# the time. No export needs them.
sys.modules.update({"matplotlib": None, "sklearn": None})


def batches_of(rows):
    """Returns the outputs of single rows as those of a batch of the first one, and of all."""
    return {
        f"{size}/{name}": np.concatenate([row[name] for row in rows[:size]])
        for size in (1, len(rows))
        for name in rows[0]
    }


def write_results(result_file, results, *unwanted):
    """Writes arrays by name, and ends the process where that or what ran is not as it must be.

    Args:
        result_file: Path of the `.npz` file.
        results: Arrays by name.
        unwanted: Modules that must not have been imported: the export must do without them.
    """
    archive = io.BytesIO()
    np.savez(archive, **results)
    try:
        pathlib.Path(result_file).write_bytes(archive.getbuffer())
    except OSError as error:
        print(error, file=sys.stderr)
        sys.exit(os.EX_IOERR)
    found = [name for name in unwanted if name in sys.modules]
    if found:
        sys.exit(f"{', '.join(found)} ran too, so this does not show that the runtime is enough")
