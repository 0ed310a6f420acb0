"""What a program must know about a trained model beside its weights; a `.keras` file keeps it."""

import dataclasses
import json
import os
from collections.abc import Mapping
from typing import Any

from gsf_tf.data import LabelMap
from gsf_tf.data.pipeline.clip_rule import SAMPLING
from gsf_tf.errors import DataError, UserError
from gsf_tf.files.regular_file import parse_json
from gsf_tf.models import list_presets
from gsf_tf.models.model_file import read_description_text
from gsf_tf.models.preset_arguments import METHODS_WITH

_VERSION = 1
_MOST_PIXELS = 2**14
_MOST_STRIDE = 2**20


@dataclasses.dataclass(frozen=True)
class ModelDescription:
    """The labels of a model, how its clips are made from videos, and which preset it is.

    Args:
        labels: `LabelMap` of the outputs (of the task `"action"`), None if unknown.
        short_side: Pixels to which the short side of larger videos is scaled before the crop.
        sampling: How frames are chosen, `"segments"` or `"dense"`.
        frame_stride: Distance of the frames of dense clips, None for 64 // frames.
        preset: The arguments of `gsf_tf.models.from_preset` that give the network, beside those
            that the model itself shows: `preset` and, if others than the preset's own,
            `channel_ratio`, `placement` and so on. None for a network that is no preset.

    Raises:
        ValueError: If a value is out of range.
    """

    labels: LabelMap | None = None
    short_side: int = 256
    sampling: str = "segments"
    frame_stride: int | None = None
    preset: Mapping[str, Any] | None = None

    def __post_init__(self):
        if not _is_count(self.short_side, _MOST_PIXELS):
            _refuse("short_side", f"must be a whole number from 1 to {_MOST_PIXELS}", self)
        if self.sampling not in SAMPLING:
            _refuse("sampling", f"must be one of {', '.join(map(repr, SAMPLING))}", self)
        if self.frame_stride is not None and not (
            self.sampling == "dense" and _is_count(self.frame_stride, _MOST_STRIDE)
        ):
            _refuse("frame_stride", "must be a whole number >= 1 of dense clips, or null", self)
        if self.preset is not None and not _is_preset(self.preset):
            _refuse("preset", "must be null or hold arguments of from_preset by name", self)

    @classmethod
    def read(cls, path: str | os.PathLike) -> "ModelDescription | None":
        """Reads the description in a `.keras` file.

        Args:
            path: Path of the file.

        Returns:
            The description, or None if the file has none: Keras alone writes none.

        Raises:
            UserError: If the file cannot be read, or its description is damaged.
        """
        try:
            text = read_description_text(path)
            return None if text is None else cls.from_text(text)
        except (OSError, ValueError) as error:
            raise UserError(
                "A .keras file must be as `gsf-tf train` or `gsf-tf convert` has written it. "
                f"Received: {os.fspath(path)} ({error}). Restore it from a copy, or convert it "
                "again."
            ) from error

    @classmethod
    def from_text(cls, text: str | bytes) -> "ModelDescription":
        """Reads what `to_text` has written.

        Raises:
            ValueError: If the text is not JSON, or one of its values breaks a rule.
        """
        values = parse_json(text)
        if not isinstance(values, dict) or values.get("format_version") != _VERSION:
            raise ValueError(f"its description must be an object of format_version {_VERSION}")
        labels = values.get("labels")
        if labels is not None:
            if not isinstance(labels, list) or not all(isinstance(n, str) for n in labels):
                raise ValueError("labels of its description must be null or a list of names")
            labels = LabelMap(labels)
            if labels.fingerprint != values.get("label_fingerprint"):
                raise DataError("labels of its description are not those of label_fingerprint")
        names = ("short_side", "sampling", "frame_stride", "preset")
        missing = [name for name in names if name not in values]
        if missing:
            raise ValueError(f"{missing[0]} of its description is missing")
        return cls(labels, **{name: values[name] for name in names})

    def to_text(self) -> str:
        """Returns the description as JSON, with the fingerprint of the labels."""
        values = {
            "format_version": _VERSION,
            "labels": self.labels and list(self.labels.names),
            "label_fingerprint": self.labels and self.labels.fingerprint,
            "short_side": self.short_side,
            "sampling": self.sampling,
            "frame_stride": self.frame_stride,
            "preset": self.preset and dict(self.preset),
        }
        return json.dumps(values, indent=2, ensure_ascii=True) + "\n"


def preset_arguments(values: Mapping[str, Any]) -> dict[str, Any] | None:
    """Returns the arguments of `from_preset` for `ModelDescription.preset`, from more of them.

    Args:
        values: Arguments by name, such as `config.model` of a run.
    """
    kept = {"preset", *METHODS_WITH}
    found = {name: value for name, value in values.items() if name in kept and value is not None}
    return found if _is_preset(found) else None


def _is_preset(values):
    return (
        isinstance(values, Mapping)
        and isinstance(values.get("preset"), str)
        and values["preset"] in list_presets()
        and values.keys() <= {"preset", *METHODS_WITH}
    )


def _is_count(value, most):
    return type(value) is int and 1 <= value <= most


def _refuse(name, rule, description):
    raise ValueError(f"`{name}` {rule}. Received: {name}={getattr(description, name)!r:.80}")
