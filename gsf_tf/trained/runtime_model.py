import os
import pathlib
from typing import Any

import numpy as np
import tensorflow as tf

from gsf_tf.errors import UserError
from gsf_tf.required_package import require_package
from gsf_tf.tasks import ACTION
from gsf_tf.trained.client_files import logits_by_task, read_preprocessing

LITERT_SUFFIX, ONNX_SUFFIX = ".tflite", ".onnx"


class RuntimeModel:
    """Runs a LiteRT or an ONNX model by the format's own runtime as if it were the model.

    Args:
        path: A `.tflite` file of `gsf_tf.export.export_litert`, or the `.onnx` file of
            `gsf_tf.export.export_onnx`, with the files that the export wrote around it.

    Attributes:
        preprocessing: The content of its `preprocessing.json`, a dictionary.
        label_file: Path of its `labels.txt`.
        input_shape: `(None, T, H, W, 3)`.
        output: The logits' shapes and types; for a multi-task model a dictionary of each task's.

    Raises:
        UserError: If the runtime is not installed or cannot load the file, or it is no export of
            this package.
    """

    def __init__(self, path: str | os.PathLike):
        path = pathlib.Path(path).absolute()  # A bare name has no parent's parent.
        is_litert = path.suffix == LITERT_SUFFIX
        # An ONNX file is in the folder of its version, <n>/model.onnx, as Triton wants it.
        folder = path.parent if is_litert else path.parent.parent
        self.label_file = folder / "labels.txt"
        self.preprocessing = read_preprocessing(folder, path)
        extra, package = ("litert", "ai_edge_litert") if is_litert else ("onnx", "onnxruntime")
        require_package(package, extra, f"Models in {path.suffix} files")
        try:
            self._runtime = (_LiteRT if is_litert else _Onnx)(path)
            shapes = self._runtime.output_shapes
            self._names = logits_by_task({name: name for name in shapes})
            self.input_shape = (None, *self._runtime.clip_shape)
            self.output = {
                task: tf.TensorSpec([None, shapes[name][-1]], tf.float32)
                for task, name in self._names.items()
            }
            if ACTION not in self.output or not all(type(n) is int for n in self.input_shape[1:]):
                raise ValueError(f"it has the outputs {', '.join(shapes)}")
        except Exception as error:  # Whatever a runtime raises for a damaged file.
            reason = " ".join(str(error).split())
            raise UserError(
                "The model must be a file that `export_litert` or `export_onnx` wrote, from `clip` "
                f"to `logits`. Received: path={path} ({type(error).__name__}: {reason:.300}). "
                "Export the model again."
            ) from error
        if list(self.output) == [ACTION]:
            self.output = self.output[ACTION]

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
        specs = self.output if isinstance(self.output, dict) else {ACTION: self.output}

        def run(clip):
            outputs = self._runtime.run(clip)
            return [outputs[self._names[task]] for task in specs]

        values = tf.numpy_function(run, [tf.cast(clip, tf.uint8)], [tf.float32] * len(specs))
        for value, spec in zip(values, specs.values(), strict=True):
            value.set_shape([clip.shape[0], spec.shape[1]])
        return dict(zip(specs, values, strict=True)) if specs is self.output else values[0]

    def features(self, clip: tf.Tensor) -> tf.Tensor:
        """Raises an error: these exports have no features.

        Args:
            clip: uint8 `[N, T, H, W, 3]`.

        Raises:
            UserError: If it is called.
        """
        raise UserError(
            "Features of an export need a SavedModel, which has the signature `serve_features`. "
            f"Received: a model whose outputs are {', '.join(self._runtime.output_shapes)}. Pass "
            "the SavedModel, or the model that it was made of."
        )


class _LiteRT:
    """A LiteRT model, which takes one clip at a time."""

    def __init__(self, path):
        from ai_edge_litert.interpreter import Interpreter

        self._serve = Interpreter(model_path=str(path)).get_signature_runner("serving_default")
        outputs = self._serve.get_output_details()
        self.output_shapes = {name: [int(n) for n in d["shape"]] for name, d in outputs.items()}
        self.clip_shape = tuple(map(int, self._serve.get_input_details()["clip"]["shape"][1:]))

    def run(self, clips):
        rows = [self._serve(clip=clip[np.newaxis]) for clip in clips]
        return {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}


class _Onnx:
    """An ONNX model, whose batch has any size or a fixed one, which is filled up."""

    def __init__(self, path):
        import onnxruntime

        providers = onnxruntime.get_available_providers()
        self._session = onnxruntime.InferenceSession(str(path), providers=providers)
        (clip,) = self._session.get_inputs()
        self.output_shapes = {output.name: output.shape for output in self._session.get_outputs()}
        self._batch, *self.clip_shape = clip.shape

    def run(self, clips):
        step = self._batch if isinstance(self._batch, int) else len(clips)
        names = list(self.output_shapes)
        parts = [clips[start : start + step] for start in range(0, len(clips), step)]
        rows = [self._session.run(names, {"clip": _filled(part, step)}) for part in parts]
        return {
            name: np.concatenate(values)[: len(clips)]
            for name, values in zip(names, zip(*rows, strict=True), strict=True)
        }


def _filled(clips, size):
    """Returns a batch that the last clip fills up."""
    return np.concatenate([clips, np.repeat(clips[-1:], size - len(clips), axis=0)])
