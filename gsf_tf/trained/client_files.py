"""What every export has for its clients, as `gsf-tf predict` reads it."""

import pathlib

from gsf_tf.errors import UserError
from gsf_tf.files.regular_file import read_json
from gsf_tf.tasks import ACTION

_LOGITS = "logits"


def read_preprocessing(folder: pathlib.Path, export: pathlib.Path) -> dict:
    """Returns the content of the `preprocessing.json` of an export.

    Args:
        folder: The folder with the file.
        export: The path that the user gave, for the message.

    Raises:
        UserError: If it cannot be read or holds no object.
    """
    file = folder / "preprocessing.json"
    try:
        content = read_json(file)
        if not isinstance(content, dict):
            raise ValueError("it holds no object")
    except (OSError, ValueError) as error:
        raise UserError(
            "The model must be an export that `export_saved_model`, `export_litert` or "
            f"`export_onnx` wrote, with {file}. Received: path={export}, without it ({error}). "
            "Export the model again, and keep its files together."
        ) from error
    return content


def logits_by_task(outputs: dict) -> dict:
    """Returns the logits among the outputs of an export, a dictionary with a key per task.

    Args:
        outputs: Anything by the names of the outputs: `logits`, `verb_logits`, `probabilities`, ...
    """
    logits = {name: value for name, value in outputs.items() if name.endswith(_LOGITS)}
    return {name.removesuffix(_LOGITS).rstrip("_") or ACTION: v for name, v in logits.items()}
