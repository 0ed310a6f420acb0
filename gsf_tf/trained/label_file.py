"""The class names that are kept beside a file of weights."""

import os
import pathlib

from gsf_tf.data import LabelMap
from gsf_tf.data.listing.label_map import FILE_NAME
from gsf_tf.errors import UserError

TORCH_FORMATS = (".pth", ".pth.tar", ".pt", ".tar")


def find_label_file(path: pathlib.Path) -> pathlib.Path | None:
    """Returns the file of class names that certainly belongs to weights, or None.

    Args:
        path: A workdir, which has a `labels.txt`; or a file of weights, which has the names in
            `<file>.labels.txt`, or in a `labels.txt` beside it if it is the only one in its folder.
    """
    if path.is_dir():
        file = path / FILE_NAME
        return file if file.is_file() else None
    file = path.with_name(f"{path.name}.{FILE_NAME}")
    if file.is_file():
        return file
    file = path.with_name(FILE_NAME)
    if not file.is_file():
        return None
    weights = [f for f in path.parent.iterdir() if f.name.endswith((".keras", *TORCH_FORMATS))]
    return file if len(weights) == 1 else None


def read_labels(labels: LabelMap | str | os.PathLike) -> LabelMap:
    """Returns labels that a user has given.

    Args:
        labels: A `LabelMap`; the path of a text file with one class name per line; or of a folder
            that has such a `labels.txt`, as records, workdirs and the assets of an export do.

    Raises:
        UserError: If there is no such file, or it is no label map.
    """
    if isinstance(labels, LabelMap):
        return labels
    path = pathlib.Path(labels)
    if path.is_dir():
        path = path / FILE_NAME
    try:
        return LabelMap.load(str(path))
    except UserError as error:
        raise UserError(
            "`labels` must be a text file with one class name per line, or a folder with such a "
            f"{FILE_NAME}. Received: labels={os.fspath(labels)!r}. {error}"
        ) from error
