"""Reading and writing of `.keras` files."""

import contextlib
import os
import pathlib
import zipfile

import keras

from gsf_tf.errors import UserError
from gsf_tf.files.regular_file import MAX_SMALL_BYTES, open_regular

# A member of the archive beside those of Keras, which ignores it.
DESCRIPTION = "gsf_tf.json"


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


def read_description_text(path: str | os.PathLike) -> bytes | None:
    """Returns what `save_model_file` has stored beside the model, or None if it is nothing.

    Args:
        path: Path of a `.keras` file, which must be regular.

    Raises:
        OSError: If there is no such file or it cannot be read.
        ValueError: If it is no archive, or the text is compressed or longer than 64 MiB.
    """
    with open_regular(path) as file:
        try:
            with zipfile.ZipFile(file) as archive:
                if DESCRIPTION not in archive.namelist():
                    return None
                size = archive.getinfo(DESCRIPTION).file_size
                if archive.getinfo(DESCRIPTION).compress_type != zipfile.ZIP_STORED:
                    raise ValueError("its description is compressed")
                if size > MAX_SMALL_BYTES:
                    raise ValueError(f"its description has {size} bytes")
                return archive.read(DESCRIPTION)
        except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
            raise ValueError(f"it is no archive that can be read ({error})") from error


def save_model_file(
    model: keras.Model, path: str | os.PathLike, description: str | None = None
) -> None:
    """Saves a model as a `.keras` file, under a temporary name that is replaced at the end.

    Args:
        model: The model.
        path: Path of the file.
        description: Text that is stored in the file beside the model, JSON of a
            `gsf_tf.model_description.ModelDescription`; None for nothing.

    Raises:
        OSError: If the file cannot be written. What was there before stays, and nothing is left.
    """
    path = pathlib.Path(path)
    partial = path.with_name(f"{path.stem}.partial.keras")
    try:
        partial.unlink(missing_ok=True)
        model.save(partial)
        if description is not None:
            with zipfile.ZipFile(partial, "a") as archive:
                archive.writestr(DESCRIPTION, description)
        os.replace(partial, path)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise
