"""The folder of an export: whole and compared with the model, or not there."""

import contextlib
import json
import os
import pathlib
import tempfile
from collections.abc import Iterator

import keras

from gsf_tf.data import LabelMap
from gsf_tf.errors import UserError
from gsf_tf.export.clip_recipe import ClipRecipe
from gsf_tf.files.whole_file import reports_write_errors
from gsf_tf.tasks import ACTION, task_logits


@contextlib.contextmanager
def new_export(
    directory: str | os.PathLike, model: keras.Model, labels: LabelMap
) -> Iterator[tuple[pathlib.Path, pathlib.Path]]:
    """Gives a folder for an export, and gives it its name if the block ends without an error.

    Args:
        directory: Final name of the folder; it must not exist.
        model: The model that is exported.
        labels: Its labels.

    Yields:
        The folder of the export, which does not exist yet, and an empty folder for files that are
        needed until then.

    Raises:
        UserError: If `directory` exists or cannot be written, the number of labels is wrong, or a
            model of several tasks has no task "action".
    """
    directory = pathlib.Path(directory)
    if directory.exists():
        raise UserError(
            "`directory` must be a folder that does not exist yet. "
            f"Received: directory={str(directory)!r}. Choose another one, or delete it."
        )
    logits = task_logits(model.output)
    if ACTION not in logits:
        raise UserError(
            f"A model of several tasks must have the task {ACTION!r}, to which the labels belong. "
            f"Received: the tasks {', '.join(logits)}. Name one of them {ACTION!r}."
        )
    outputs = logits[ACTION].shape[-1]
    if len(labels.names) != outputs:
        raise UserError(
            "The model must have one output per label. "
            f"Received: {outputs} outputs, {len(labels.names)} labels. Pass the label map that the "
            "model was trained with."
        )
    with reports_write_errors(directory, "directory"):
        directory.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=directory.parent, prefix=".export-") as scratch:
            written = pathlib.Path(scratch) / "export"
            rest = pathlib.Path(scratch) / "rest"
            rest.mkdir()
            yield written, rest
            os.replace(written, directory)


def write_client_files(
    folder: pathlib.Path, model: keras.Model, labels: LabelMap, recipe: ClipRecipe
) -> list[pathlib.Path]:
    """Writes what a client needs: `labels.txt` and `preprocessing.json`.

    Args:
        folder: An existing folder.
        model: The model, whose input the clips are.
        labels: Class names.
        recipe: How a clip is made from a video.

    Returns:
        The paths of the files.
    """
    label_file, recipe_file = folder / "labels.txt", folder / "preprocessing.json"
    labels.save(label_file)
    write_json(recipe_file, recipe.describe(model))
    return [label_file, recipe_file]


def write_json(path: pathlib.Path, content: object) -> None:
    """Writes an object as indented JSON."""
    path.write_text(json.dumps(content, indent=2) + "\n")


def next_version(directory: str | os.PathLike) -> pathlib.Path:
    """Returns the folder for the next export, numbered as TensorFlow Serving expects.

    Args:
        directory: Folder of the exports of a model; it need not exist.

    Returns:
        `directory/<n>`, n being one more than the largest number in the folder, 1 for the first.
    """
    directory = pathlib.Path(directory)
    versions = [int(p.name) for p in directory.glob("*") if p.name.isdigit()]
    return directory / str(max(versions, default=0) + 1)
