import json
import os
import pathlib

import numpy as np
import tensorflow as tf

from gsf_tf.data import ClipLimits, ClipProcess, LabelMap, frames_to_clip
from gsf_tf.errors import UserError
from gsf_tf.files.literal_paths import check_path, plain_path
from gsf_tf.tasks import ACTION, task_logits
from gsf_tf.workdir import Workdir


class Predictor:
    """Classifies videos with a trained model.

    The classes of a multi-task model are those of its task `"action"`.

    Args:
        path: The workdir of a finished training run, or the folder of a SavedModel that
            `gsf_tf.export.export_saved_model` wrote. Either is a program: load only what you trust.
        limits: How much work a clip may be, by default `ClipLimits()`.
        process: Decodes the videos; by default this process does.

    Attributes:
        labels: `LabelMap` of the model's classes.
        num_segments: Frames of a clip.
        height: Height of the model's input in pixels.
        width: Width of the model's input in pixels.
        short_side: Pixels to which the short side of larger videos is scaled.

    Raises:
        UserError: If `path` is neither, or is not UTF-8 text.

    Example:

    ```python
    predictor = gsf_tf.evaluation.Predictor("runs/a/export/1")
    predictor.top("clip.mp4", k=5)  # [("moving_left", 0.93), ...]
    ```
    """

    def __init__(
        self,
        path: str | os.PathLike,
        limits: ClipLimits | None = None,
        process: ClipProcess | None = None,
    ):
        check_path("model", path)
        self._decoding = {"limits": limits, "process": process}
        path = pathlib.Path(path)
        if (path / "saved_model.pb").exists():
            with plain_path(path) as folder:
                self._saved_model = tf.saved_model.load(str(folder))
            self._probabilities = self._saved_model_probabilities
            assets = path / "assets"
            if not (assets / "preprocessing.json").exists():
                raise UserError(
                    "The model must be a SavedModel that `export_saved_model` wrote, with "
                    f"assets/preprocessing.json. Received: path={path}, without it."
                )
            signature = self._saved_model.signatures["serving_default"]
            shape = signature.structured_input_signature[1]["clip"].shape
            self.labels = LabelMap.load(assets / "labels.txt")
            preprocessing = json.loads((assets / "preprocessing.json").read_text())
            self.short_side = preprocessing["short_side"]
            # Earlier exports supported only this sampling and did not store it.
            self._sampling = {
                "sampling": preprocessing.get("sampling", "segments"),
                "frame_stride": preprocessing.get("frame_stride"),
            }
        elif (path / "config.json").exists():
            workdir = Workdir(path)
            self.short_side = workdir.read_run("records.short_side")["records"]["short_side"]
            data = workdir.read_config("data.sampling", "data.frame_stride")["data"]
            self._model = workdir.load_model()
            self._probabilities = self._model_probabilities
            shape = self._model.input_shape
            self.labels = workdir.read_labels()
            self._sampling = {name: data[name] for name in ("sampling", "frame_stride")}
        else:
            raise UserError(
                "The model must be the workdir of a training run (with config.json) or an exported "
                f"SavedModel (with saved_model.pb). Received: path={path}, which "
                f"{'has neither' if path.exists() else 'does not exist'}."
            )
        _, self.num_segments, self.height, self.width, _ = shape

    def _saved_model_probabilities(self, clip):
        return self._saved_model.signatures["serving_default"](clip=clip)["probabilities"]

    def _model_probabilities(self, clip):
        return tf.nn.softmax(task_logits(self._model(clip, training=False))[ACTION])

    def probabilities(self, video: str | os.PathLike) -> np.ndarray:
        """Returns the probability of each class for a video.

        The frames and the crop are those of the efficiency protocol: the center crop of one clip.

        Args:
            video: Path of a video file.

        Returns:
            float32 `[K]`, which sums to 1.

        Raises:
            VideoError: If the file cannot be decoded to its end within the limits.
        """
        clip = frames_to_clip(
            video,
            self.num_segments,
            (self.height, self.width),
            short_side=self.short_side,
            **self._sampling,
            **self._decoding,
        )
        return np.asarray(self._probabilities(tf.constant(clip)[None]))[0]

    def top(self, video: str | os.PathLike, k: int = 5) -> list[tuple[str, float]]:
        """Returns the most probable classes of a video.

        Args:
            video: Path of a video file.
            k: Number of classes, at least 1.

        Returns:
            A list of `(name, probability)`, the most probable first.

        Raises:
            VideoError: If the file cannot be decoded to its end within the limits.
        """
        probabilities = self.probabilities(video)
        best = np.argsort(-probabilities, kind="stable")[:k]
        return [(self.labels.names[i], float(probabilities[i])) for i in best]
