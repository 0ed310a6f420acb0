"""A trained model and what a program must know about it, whatever it was opened from."""

import dataclasses
import functools
import hashlib
import os

import keras

from gsf_tf.data import LabelMap
from gsf_tf.data.listing.same_labels import check_same_labels
from gsf_tf.errors import UserError
from gsf_tf.model_description import ModelDescription
from gsf_tf.trained.runtime_model import RuntimeModel
from gsf_tf.trained.served_model import ServedModel

_PART = 2**20


@dataclasses.dataclass(frozen=True)
class TrainedModel:
    """A trained model with its labels and with how its clips are made. `open_model` returns one.

    Args:
        name: What it was opened from: the path, or the name of a model that is in memory.
        network: A `keras.Model` from clips `[N, T, H, W, 3]` to logits; or an export that has the
            same call but no layers, a `ServedModel` (SavedModel) or a `RuntimeModel` (LiteRT,
            ONNX).
        description: The `ModelDescription`, with labels, preprocessing and preset.
        files: Paths of the files that hold the weights; none for a model that is in memory.
    """

    name: str
    network: keras.Model | ServedModel | RuntimeModel
    description: ModelDescription
    files: tuple[str, ...] = ()

    @property
    def num_segments(self) -> int:
        """Frames of a clip."""
        return self.network.input_shape[1]

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width of a frame in pixels."""
        return self.network.input_shape[2:4]

    @property
    def is_served(self) -> bool:
        """Whether the network is an export, which has no layers."""
        return isinstance(self.network, ServedModel | RuntimeModel)

    @property
    def labels(self) -> LabelMap:
        """The labels of the outputs.

        Raises:
            UserError: If they are unknown. The message says how to give them.
        """
        labels = self.description.labels
        if labels is None:
            raise UserError(
                "The classes of the model's outputs must be known. Received: "
                f"{self.name}, which keeps no names of classes. Name them with `labels`: a text "
                "file with one class name per line, in the order of the outputs, or the folder of "
                "the records that it was trained on."
            )
        return labels

    @property
    def layers_of(self) -> keras.Model:
        """The network as a `keras.Model` with layers.

        Raises:
            UserError: If it is an export, which has none.
        """
        if self.is_served:
            raise UserError(
                "This needs the layers of the model, and an export is only the graph for serving "
                f"it. Received: {self.name}. Pass the workdir, the .keras file or the "
                "checkpoint that it was made of."
            )
        return self.network

    def check_labels(self, labels: LabelMap, source: str) -> None:
        """Checks that data have the classes of the model.

        Args:
            labels: `LabelMap` of the data.
            source: Origin of the labels, for the message, such as the path of records.

        Raises:
            UserError: If the labels are unknown or differ. The message lists the differences.
        """
        advice = "Give data of the same classes, or another model."
        check_same_labels(self.labels, self.name, labels, source, advice)

    @functools.cached_property
    def sha256(self) -> str | None:
        """SHA-256 of the file with the weights (of all files of an export), None without one."""
        if not self.files:
            return None
        digest = hashlib.sha256()
        for path in self.files:
            with open(path, "rb") as file:
                while part := file.read(_PART):
                    digest.update(part)
        return digest.hexdigest()

    def describe(self) -> str:
        """Returns a line for people: the model, its input and its classes."""
        height, width = self.image_size
        labels = self.description.labels
        classes = "unknown classes" if labels is None else f"{len(labels)} classes"
        return f"{self.name}: {self.num_segments} frames of {height} x {width} pixels, {classes}"


def weight_files(path: str | os.PathLike) -> tuple[str, ...]:
    """Returns the files of a SavedModel that decide what it computes, in a fixed order."""
    folder = os.path.join(path, "variables")
    variables = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    return (
        os.path.join(path, "saved_model.pb"),
        *(os.path.join(folder, name) for name in variables),
    )
