"""Answers what a path is, and gives the model, its labels and its preprocessing."""

import dataclasses
import os
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import keras

from gsf_tf.data import LabelMap
from gsf_tf.data.listing.same_labels import check_same_labels
from gsf_tf.errors import CheckpointError, UserError
from gsf_tf.files.literal_paths import check_path
from gsf_tf.model_description import ModelDescription, preset_arguments
from gsf_tf.models import from_preset
from gsf_tf.models.model_file import read_model_file
from gsf_tf.tasks import ACTION, task_logits
from gsf_tf.trained.label_file import TORCH_FORMATS, find_label_file, read_labels
from gsf_tf.trained.runtime_model import LITERT_SUFFIX, ONNX_SUFFIX, RuntimeModel
from gsf_tf.trained.served_model import ServedModel
from gsf_tf.trained.trained_model import TrainedModel, weight_files
from gsf_tf.weights import TorchCheckpoint, infer_preset, load_torch_checkpoint
from gsf_tf.workdir import Workdir


def open_model(
    model: TrainedModel | keras.Model | str | os.PathLike,
    labels: LabelMap | str | os.PathLike | None = None,
) -> TrainedModel:
    """Opens a trained model in any of its forms.

    | `model` | labels and preprocessing |
    |---|---|
    | a workdir, a folder with `config.json` | those of the run |
    | an export, a folder with `saved_model.pb` | its assets |
    | a LiteRT or ONNX export, its folder or its `.tflite` or `.onnx` file | the files around it |
    | a `.keras` file | those in the file, which `gsf-tf train` and `gsf-tf convert` put there |
    | the authors' checkpoint, `.pth.tar` or `.pth` | the papers' preprocessing: a short side of \
256 parts of an input of 224, segments |
    | a `keras.Model` that is in memory | as a checkpoint |

    A `.keras` file or a checkpoint without labels takes those of a file `<file>.labels.txt`, or of
    the `labels.txt` beside it if it is the only file of weights in its folder. A `.keras` file in
    the folder of a run that has none (earlier versions wrote such) takes the run's.

    A `.keras` file is loaded in Keras' safe mode, a checkpoint without running code from it. A
    SavedModel is a program: open only what you trust.

    Args:
        model: One of these, or a `TrainedModel`, which is returned, with `labels` if it has none.
        labels: `LabelMap`, or path of a text file with one class name per line, or of a folder
            with such a `labels.txt`. They must be the labels that the model keeps, if it does.

    Returns:
        A `TrainedModel`. Its labels may be unknown; asking for them is then an error.

    Raises:
        UserError: If there is no such file, it holds no model from clips to logits, or the labels
            are not the model's: other names, another order, or another number than it has outputs.
        CheckpointError: If a checkpoint does not say which preset it is, or is damaged.

    Example:

    ```python
    opened = gsf_tf.trained.open_model("gsf_ssv1.keras")
    opened.network, opened.labels, opened.num_segments
    ```
    """
    if labels is not None:
        labels = read_labels(labels)
    if isinstance(model, TrainedModel):
        opened = model
    elif isinstance(model, keras.Model):
        opened = TrainedModel(model.name, model, describe_by_the_papers(model))
    else:
        check_path("model", model)
        path = pathlib.Path(model)
        opened = _opener(path)(path)
    _check_network(opened)
    return _with_labels(opened, labels)


def _opener(path: pathlib.Path) -> Callable[[pathlib.Path], TrainedModel]:
    """Returns the function that opens what is at a path."""
    if path.is_dir():
        if os.path.lexists(path / "saved_model.pb"):
            return _open_export
        if os.path.lexists(path / "config.json"):
            return _open_workdir
        if _runtime_files(path):
            return _open_folder_of_a_runtime
    elif path.exists():
        if path.suffix in (LITERT_SUFFIX, ONNX_SUFFIX):
            return _open_file_of_a_runtime
        if path.suffix == ".keras":
            return _open_keras
        if path.name.endswith(TORCH_FORMATS):
            return _open_torch
    raise UserError(
        "The model must be the workdir of a training run (with config.json), an exported "
        "SavedModel (with saved_model.pb), a LiteRT or ONNX export, a .keras file or a checkpoint "
        "of PyTorch "
        f"({', '.join(TORCH_FORMATS)}). Received: path={path}, which {_problem(path)}"
    )


def _problem(path):
    versions = [p.parent for p in path.glob("*/saved_model.pb") if p.parent.name.isdigit()]
    if versions:
        newest = max(versions, key=lambda folder: int(folder.name))
        return f"holds exports. Pass one of them, such as {newest}."
    if path.is_dir():
        return "has neither config.json nor saved_model.pb. Pass one of these."
    if path.exists():
        return "is none of these. Rename it if only its name is another one."
    return "does not exist. Correct the path, or train or download the model first."


def _open_workdir(path):
    workdir = Workdir(path)
    # Before the model is read, so that a damaged description is named and not the model.
    description = workdir.describe_model()
    return TrainedModel(str(path), workdir.load_model(), description, (str(workdir.model_file),))


def _runtime_files(folder):
    """Returns the LiteRT and ONNX files of an export."""
    found = [*folder.glob(f"*{LITERT_SUFFIX}"), *folder.glob(f"[0-9]*/*{ONNX_SUFFIX}")]
    return sorted(found) if (folder / "preprocessing.json").is_file() else []


def _open_folder_of_a_runtime(path):
    file, *others = _runtime_files(path)
    if others:
        names = ", ".join(str(found) for found in (file, *others))
        raise UserError(
            f"The folder of an export must have one model. Received: {path}, which has several. "
            f"Pass one of them: {names}."
        )
    return _open_file_of_a_runtime(file)


def _open_file_of_a_runtime(path):
    return _describe_export(path, RuntimeModel(path), (str(path),))


def _open_export(path):
    return _describe_export(path, ServedModel(path), weight_files(path))


def _describe_export(path, served, files):
    said = served.preprocessing
    try:
        # Earlier exports supported only this sampling and did not store it.
        description = ModelDescription(
            LabelMap.load(str(served.label_file)),
            said.get("short_side"),
            said.get("sampling", "segments"),
            said.get("frame_stride"),
        )
    except ValueError as error:
        raise UserError(
            "The labels.txt and the preprocessing.json of an export must be as it was written. "
            f"Received: {path} ({error}). Export the model again."
        ) from error
    return TrainedModel(str(path), served, description, files)


def _open_keras(path):
    model = read_model_file(path)
    description = ModelDescription.read(path) or _description_beside(path, model)
    return TrainedModel(str(path), model, description, (str(path),))


def _open_torch(path):
    checkpoint = TorchCheckpoint.read(path)
    try:
        arguments = infer_preset(checkpoint).complete()
    except CheckpointError as error:
        raise CheckpointError(
            f"{error}\n`gsf-tf convert` takes what is missing as flags, and writes a .keras file "
            "that has it."
        ) from error
    model = from_preset(**arguments)
    load_torch_checkpoint(model, checkpoint)
    description = describe_by_the_papers(model, path, preset_arguments(arguments))
    return TrainedModel(str(path), model, description, (str(path),))


def _description_beside(path, model):
    """Returns the description of a model in a `.keras` file that keeps none itself."""
    run = Workdir(path.parent)
    if path in (run.model_file, run.best_model_file) and run.config_file.exists():
        return run.describe_model()
    return describe_by_the_papers(model, path)


def describe_by_the_papers(
    model: keras.Model,
    path: pathlib.Path | None = None,
    preset: Mapping[str, Any] | None = None,
) -> ModelDescription:
    """Returns the description of a model with the papers' preprocessing.

    The crop is 224 of 256 parts of the short side, and frames come from equal segments.

    Args:
        model: Model from clips of a fixed size to logits.
        path: File of weights; the labels that are kept beside it are the model's.
        preset: As in `ModelDescription`.

    Raises:
        UserError: If the model takes no clips, or the labels are damaged.
    """
    file = None if path is None else find_label_file(path)
    labels = None if file is None else LabelMap.load(str(file))
    try:
        side = min(model.input_shape[2:4]) * 256 // 224
        return ModelDescription(labels, short_side=max(1, side), preset=preset)
    except (AttributeError, IndexError, TypeError, ValueError) as error:
        raise UserError(
            "The model must have one input, a clip `[T, H, W, 3]` of fixed size. Received: "
            f"{getattr(model, 'name', model)} ({error})."
        ) from error


def _check_network(opened):
    """Checks that a network takes clips and gives logits."""
    shape = getattr(opened.network, "input_shape", None)
    is_clip = isinstance(shape, tuple) and len(shape) == 5 and None not in shape[1:]
    # Keras raises an AttributeError where a model was never called.
    outputs = task_logits(getattr(opened.network, "output", {}))
    rank = len(outputs[ACTION].shape) if hasattr(outputs.get(ACTION), "shape") else None
    if not is_clip or shape[-1] != 3 or rank != 2:
        raise UserError(
            "The model must take clips `[N, T, H, W, 3]` of a fixed size and give logits `[N, K]`, "
            f"for several tasks one of them called {ACTION!r}. Received: {opened.name} with the "
            f"input {shape} and the outputs "
            f"{', '.join(map(str, outputs)) or 'unknown'}. Pass a model of gsf_tf, such as a run's "
            "model.keras."
        )


def _with_labels(opened, labels):
    """Returns the model with labels that were given, after both were compared."""
    known = opened.description.labels
    if labels is not None and known is not None:
        advice = "Leave `labels` out, or correct the file of labels."
        check_same_labels(known, opened.name, labels, "`labels`", advice)
    labels = labels or known
    outputs = task_logits(opened.network.output)[ACTION].shape[-1]
    if labels is not None and len(labels) != outputs:
        raise UserError(
            "The model must have one output per label. Received: "
            f"{outputs} outputs in {opened.name}, {len(labels)} labels. Pass the `labels` of the "
            "data that it was trained on."
        )
    description = dataclasses.replace(opened.description, labels=labels)
    return dataclasses.replace(opened, description=description)
