"""Reads `config.json` and `run.json` of a run, with the values that the programs need checked."""

import os
import pathlib
from typing import Any

from gsf_tf.errors import UserError
from gsf_tf.files.regular_file import read_json


def _is_text(value):
    return isinstance(value, str)


def _is_paper(value):
    """The entry `paper` of a configuration: what the paper's table says, if it says anything."""
    if not isinstance(value, dict) or value.get("top1") is None:
        return value is None or isinstance(value, dict)
    results = value.get("results", [])
    return _is_result(value) and isinstance(results, list) and all(map(_is_result, results))


def _is_result(value):
    """A result of a paper: where it is printed, by which protocol, and the figures in percent."""
    if not isinstance(value, dict) or "top1" not in value:
        return False
    figures = [figure for key, figure in value.items() if key.endswith("top1")]
    texts = [value.get("protocol"), value.get("source")]
    return all(type(figure) in (int, float) for figure in figures) and all(map(_is_text, texts))


_ABSENT = object()

# The values that the programs read, by their places in the files.
_RULES = {
    "data.records": ("a text", _is_text),
    "data.val_split": ("a text", _is_text),
    "data.sampling": ("a text", _is_text),
    "data.on_error": ("a text", _is_text),
    "data.frame_stride": ("a whole number or null", lambda v: v is None or type(v) is int),
    "model.preset": ("a text", _is_text),
    "seed": ("a whole number", lambda v: type(v) is int),
    "paper": ("an object with top1, protocol and source", lambda v: v is _ABSENT or _is_paper(v)),
    "records": ("an object", lambda v: isinstance(v, dict)),
    "records.short_side": ("a whole number > 0", lambda v: type(v) is int and v > 0),
    "git_revision": ("a text or null", lambda v: v is None or _is_text(v)),
    "continued": ("a list", lambda v: v is _ABSENT or isinstance(v, list)),
}


def read_description(file: str | os.PathLike, needs: tuple[str, ...] = ()) -> dict[str, Any]:
    """Returns the dictionary in a JSON file of a run.

    Args:
        file: Path of the file.
        needs: Places of the values that the caller reads, such as `"data.records"`.

    Raises:
        UserError: If the file cannot be read or holds no dictionary, or one of these values is not
            as training writes it.
    """
    file = pathlib.Path(file)
    try:
        content = read_json(file)
        if not isinstance(content, dict):
            raise ValueError("it holds no object")
        for place in needs:
            value = content
            for key in place.split("."):
                value = value.get(key, _ABSENT) if isinstance(value, dict) else _ABSENT
            rule, is_right = _RULES[place]
            if not is_right(value):
                raise ValueError(f"{place} must be {rule}")
    except (OSError, ValueError) as error:
        raise UserError(
            f"The folder of a run must have its {file.name}, as training has written it. "
            f"Received: {file} ({error}). Restore it from a copy, or train in another workdir."
        ) from error
    return content
