"""Reading and writing of `.keras` files."""

import contextlib
import os
import pathlib
import zipfile

import keras

from gsf_tf.errors import UserError
from gsf_tf.files.regular_file import open_regular


def read_model_file(path: str | os.PathLike) -> keras.Model:
    """Loads a `.keras` file, in Keras' safe mode.

    Whatever Keras raises for a file, of whatever type, is an error of that file.

    Args:
        path: Path of a regular file.

    Raises:
        UserError: If there is no such file, its members unpack to more than the file has bytes,
            or Keras cannot make a model of it. The message says why, in a line.
    """
    path = pathlib.Path(path)
    try:
        with open_regular(path) as file:
            _check_members(path, file)
        model = keras.models.load_model(path, compile=False)
        if not isinstance(model, keras.Model):
            raise ValueError(f"it holds a {type(model).__name__}, which is no model")
    except Exception as error:
        reason = " ".join(str(error).split())
        raise UserError(
            "A .keras file must hold a model that can be loaded. "
            f"Received: {path}: {type(error).__name__}: {reason:.300}"
        ) from error
    return model


def _check_members(path, file):
    """Raises ValueError for an archive with compressed members, which Keras does not write."""
    with zipfile.ZipFile(file) as archive:
        size = os.path.getsize(path)
        total = sum(info.file_size for info in archive.infolist())
        if total > size:
            raise ValueError(f"its members unpack to {total} bytes, and the file has {size}")


def save_model_file(model: keras.Model, path: str | os.PathLike) -> None:
    """Saves a model as a `.keras` file, under a temporary name that is replaced at the end.

    Args:
        model: The model.
        path: Path of the file.

    Raises:
        OSError: If the file cannot be written. What was there before stays, and nothing is left.
    """
    path = pathlib.Path(path)
    partial = path.with_name(f"{path.stem}.partial.keras")
    try:
        partial.unlink(missing_ok=True)
        model.save(partial)
        os.replace(partial, path)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise
