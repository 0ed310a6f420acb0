import json
import pathlib

import numpy as np
import tensorflow as tf

from gsf_tf.data import LabelMap, frames_to_clip
from gsf_tf.errors import UserError
from gsf_tf.tasks import ACTION, task_logits
from gsf_tf.workdir import Workdir


class Predictor:
    """Classifies videos with a trained model; of a multi-task model, the action.

    Args:
        path: A workdir of a finished training run, or an exported SavedModel.

    Raises:
        UserError: If `path` is neither.

    Example:

    ```python
    predictor = gsf_tf.evaluation.Predictor("runs/a/export/1")
    predictor.top("clip.mp4", k=5)  # [("moving_left", 0.93), ...]
    ```
    """

    def __init__(self, path):
        path = pathlib.Path(path)
        if (path / "saved_model.pb").exists():
            self._saved_model = tf.saved_model.load(str(path))
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
            # Exports of before had no other sampling.
            self._sampling = {
                "sampling": preprocessing.get("sampling", "segments"),
                "frame_stride": preprocessing.get("frame_stride"),
            }
        elif (path / "config.json").exists():
            workdir = Workdir(path)
            self._model = workdir.load_model()
            self._probabilities = self._model_probabilities
            shape = self._model.input_shape
            self.labels = workdir.read_labels()
            self.short_side = workdir.read_run()["records"]["short_side"]
            data = workdir.read_config()["data"]
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

    def probabilities(self, video):
        """Returns float32 `[K]`, summing to 1, for a video file.

        Frames and crop are those of the one-clip, center-crop evaluation.

        Raises:
            VideoError: If the file cannot be decoded to its end.
        """
        clip = frames_to_clip(
            video,
            self.num_segments,
            (self.height, self.width),
            short_side=self.short_side,
            **self._sampling,
        )
        return np.asarray(self._probabilities(tf.constant(clip)[None]))[0]

    def top(self, video, k=5):
        """Returns the `k` most probable classes as `(name, probability)`, best first."""
        probabilities = self.probabilities(video)
        best = np.argsort(-probabilities, kind="stable")[:k]
        return [(self.labels.names[i], float(probabilities[i])) for i in best]
