"""A SavedModel that `gsf-tf export` wrote, as a function from clips to logits."""

import os
import pathlib
from typing import Any

import tensorflow as tf

from gsf_tf.errors import UserError
from gsf_tf.files.literal_paths import plain_path
from gsf_tf.tasks import ACTION
from gsf_tf.trained.client_files import logits_by_task, read_preprocessing


class ServedModel:
    """Runs the signature `serving_default` of a SavedModel as if it were the model.

    Args:
        path: Folder of a SavedModel of `gsf_tf.export.export_saved_model`. Its graph is a program:
            load only what you trust.

    Attributes:
        preprocessing: The content of its `preprocessing.json`, a dictionary.
        label_file: Path of its `labels.txt`.
        input_shape: `(None, T, H, W, 3)`.
        output: The logits' shapes and types; for a multi-task model a dictionary of each task's.

    Raises:
        UserError: If TensorFlow cannot load it, or it is no export of this package.
    """

    def __init__(self, path: str | os.PathLike):
        path = pathlib.Path(path)
        assets = path / "assets"
        self.label_file = assets / "labels.txt"
        self.preprocessing = read_preprocessing(assets, path)
        try:
            with plain_path(path) as folder:
                self._saved_model = tf.saved_model.load(str(folder))
            self._signatures = self._saved_model.signatures
            signature = self._signatures["serving_default"]
            self.input_shape = tuple(signature.structured_input_signature[1]["clip"].shape)
            outputs = signature.structured_outputs
            self.output = logits_by_task(outputs)
            complete = len(self.input_shape) == 5 and None not in self.input_shape[1:]
            if ACTION not in self.output or not complete:
                raise ValueError(f"it has the outputs {', '.join(outputs)}")
        except Exception as error:  # Whatever TensorFlow raises for a damaged graph.
            reason = " ".join(str(error).split())
            raise UserError(
                "The model must be a SavedModel that `export_saved_model` wrote, with a signature "
                f"from `clip` to `logits`. Received: path={path} ({type(error).__name__}: "
                f"{reason:.300}). Export the model again."
            ) from error
        if list(self.output) == [ACTION]:
            self.output = self.output[ACTION]
        self._serve = signature

    def __call__(self, clip: tf.Tensor, training: bool = False) -> Any:
        """Returns the logits of clips.

        Args:
            clip: uint8 `[N, T, H, W, 3]`.
            training: Must be False: an export cannot be trained.

        Returns:
            float32 `[N, K]`; for a multi-task model a dictionary with the logits of each task.
        """
        if training:
            raise ValueError("An export cannot be trained. Received: training=True")
        outputs = logits_by_task(self._serve(clip=tf.cast(clip, tf.uint8)))
        return outputs if isinstance(self.output, dict) else outputs[ACTION]

    def features(self, clip: tf.Tensor) -> tf.Tensor:
        """Returns the vectors before the classifier, float32 `[N, C]`.

        Args:
            clip: uint8 `[N, T, H, W, 3]`.

        Raises:
            UserError: If the export has no signature `serve_features`.
        """
        if "serve_features" not in self._signatures:
            raise UserError(
                "Features of an export need its signature `serve_features`. Received: an export "
                f"with {', '.join(self._signatures)}. Pass the workdir or the .keras file that it "
                "was made of."
            )
        return self._signatures["serve_features"](clip=tf.cast(clip, tf.uint8))["features"]
