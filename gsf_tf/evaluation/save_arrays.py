"""Writing of a file of arrays that is either complete or not there."""

import contextlib
import io
import os
import pathlib

import numpy as np


def save_arrays(path, arrays):
    """Writes an `.npz` file, under a temporary name that is replaced when it is complete.

    Args:
        path: Path of the file.
        arrays: Dictionary from names to arrays.

    Raises:
        OSError: If the file cannot be written. No part of it is left.
    """
    path = pathlib.Path(path)
    partial = path.with_name(f"partial-{path.name}")
    # In memory first: NumPy leaves an archive open that it could not write.
    archive = io.BytesIO()
    np.savez(archive, **arrays)
    try:
        partial.write_bytes(archive.getbuffer())
        os.replace(partial, path)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise
