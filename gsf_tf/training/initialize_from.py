import dataclasses
import os
import pathlib

import keras

from gsf_tf.data import LabelMap
from gsf_tf.errors import CheckpointError, UserError
from gsf_tf.layers import RubiksShift2D, RubiksShift3D, TemporalLayer
from gsf_tf.model_description import ModelDescription
from gsf_tf.models.identity_start import check_start, start_as_identity
from gsf_tf.models.layer_lookup import classifiers
from gsf_tf.models.model_file import read_model_file
from gsf_tf.models.temporal_start import temporal_start
from gsf_tf.trained.label_file import TORCH_FORMATS, find_label_file
from gsf_tf.weights.infer_preset import infer_preset
from gsf_tf.weights.load_torch_checkpoint import load_torch_checkpoint
from gsf_tf.weights.torch_checkpoint import TorchCheckpoint
from gsf_tf.workdir import Workdir


@dataclasses.dataclass(frozen=True)
class Initialization:
    """Result of `initialize_from`: the names of the layers that were copied, and of the others.

    Attributes:
        source: Path of the weights.
        copied: Layers whose weights were copied, linear layers included.
        inflated: Layers with the spatial shifts of an image model, and temporal shifts of their
            own.
        new: Layers that kept their initial weights: temporal layers that the source does not have,
            and linear layers for other classes.
        identity: Temporal layers among the new ones that start as the identity.
        unused: Temporal layers of the source that the model does not have.
        unproven: Linear layers among the new ones that fit, but nothing proves that their classes
            are the model's.
    """

    source: str
    copied: tuple[str, ...]
    inflated: tuple[str, ...] = ()
    new: tuple[str, ...] = ()
    identity: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    unproven: tuple[str, ...] = ()

    def __str__(self) -> str:
        parts = [f"Weights of {self.source}: {len(self.copied)} layers copied"]
        for title, names in (
            ("inflated in time", self.inflated),
            ("newly initialized", self.new),
            ("of these started as the identity", self.identity),
            ("of the source not used", self.unused),
        ):
            if names:
                shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
                parts.append(f"{len(names)} {title} ({shown})")
        text = "; ".join(parts)
        if self.unproven:
            text += (
                f". Not copied: {', '.join(self.unproven)}, because as many classes are no proof "
                "of the same classes. If they are the same, in the same order, put the labels.txt "
                "of the source beside it, or pass `init_same_classes=True`."
            )
        return text


def initialize_from(
    model: keras.Model,
    path: str | os.PathLike,
    labels: LabelMap | None = None,
    *,
    init_same_classes: bool = False,
    init_temporal_shift: str = "folds",
    start: str | None = None,
) -> Initialization:
    """Copies the weights of another model into a segment model, to start its training from them.

    It serves for fine-tuning and for RubiksNet's inflation. The backbones must be the same 2D
    network. Temporal layers that only one of the models has are not changed. A `RubiksShift3D`
    copies the spatial shifts of an image model's `RubiksShift2D`, and its temporal shifts begin as
    in `gsf_tf.models.inflate`; fixed rows of shifts are not changed. The number of frames per
    clip and the image size may differ. A linear layer is copied if its name and the number of
    classes agree, and it is known that the classes are the same: `labels` are those in the workdir
    or in the `.keras` file, or in `<file>.labels.txt`, or in the `labels.txt` beside the only file
    of weights in a folder; or `init_same_classes` says so.

    Args:
        model: Built `SegmentModel`.
        path: Workdir of a run that has ended, `.keras` file of a `SegmentModel`, or PyTorch
            checkpoint (see `gsf_tf.weights.load_torch_checkpoint`).
        labels: `LabelMap` of the data for the training, to be compared with the source's.
        init_same_classes: Says that the classes of the source are the model's, in the same order,
            where no labels prove it. Labels that are known and differ still win.
        init_temporal_shift: Where the temporal shifts begin if the source was trained on images:
            `"folds"`, those of TSM, as in the authors' code; `"noisy_folds"`, with uniform noise in
            [-0.1, 0.1) around them; or `"uniform"` in [-1, 1).
        start: How GSF and GSM begin where the source has no such layers, as in
            `gsf_tf.models.insert_temporal`: `"identity"` (default), with which the features stay
            those of the source, or `"paper"`.

    Returns:
        An `Initialization`, which names the layers; as text it is one line for a log.

    Raises:
        UserError: If `path` holds no such weights, or training has not ended in the workdir.
        CheckpointError: If the backbones differ. The message lists all differences, and the model
            stays unchanged.
        ValueError: If `init_temporal_shift` or `start` is none of these.

    Example:

    ```python
    model = gsf_tf.models.from_preset("rubiksnet_large", num_classes=101)
    print(gsf_tf.training.initialize_from(model, "runs/rubiksnet_large_kinetics400_8f"))
    ```

    Reference:
        RubiksNet paper, section 4.1 (inflation; Kinetics before UCF-101 and HMDB-51); GSF paper,
        section 4.5 (Kinetics before EPIC-Kitchens-100).
    """
    temporal_start(init_temporal_shift)  # Raises an error for a name that is none.
    check_start(start)
    path = pathlib.Path(path)
    same_classes = _same_classes(path, labels, init_same_classes)
    if path.is_file() and path.name.endswith(TORCH_FORMATS):
        return _from_torch(model, path, same_classes)
    if path.is_dir():
        source = Workdir(path).load_model()
    elif path.is_file() and path.suffix == ".keras":
        source = _load(path)
    else:
        problem = "is neither" if path.exists() else "does not exist"
        raise CheckpointError(
            "The initial weights must be a workdir, a .keras file or a PyTorch checkpoint "
            f"({', '.join(TORCH_FORMATS)}). Received: {path}, which {problem}. Train or download "
            "that model first."
        )
    return _from_model(model, source, path, same_classes, init_temporal_shift, start)


def _same_classes(path, labels, init_same_classes):
    """Returns whether the classes are the same, or None if nothing says so."""
    known = _known_labels(path)
    if known is None or labels is None:
        return True if init_same_classes else None
    return known.fingerprint == labels.fingerprint


def _known_labels(path):
    """Returns the labels that certainly belong to the weights, or None."""
    if path.is_file() and path.suffix == ".keras":
        try:
            description = ModelDescription.read(path)
        except UserError as error:
            raise CheckpointError(str(error)) from error
        if description is not None and description.labels is not None:
            return description.labels
    file = find_label_file(path)
    return None if file is None else LabelMap.load(str(file))


def _load(path):
    try:
        source = read_model_file(path)
    except UserError as error:
        raise CheckpointError(str(error)) from error
    if not hasattr(source, "backbone"):
        raise CheckpointError(
            "The initial weights must be those of a `SegmentModel`. "
            f"Received: {path}, which holds a {type(source).__name__}."
        )
    return source


def _from_torch(model, path, same_classes):
    checkpoint = TorchCheckpoint.read(path)
    fits = infer_preset(checkpoint).num_classes == model.num_classes
    skip_head = not (fits and same_classes)
    load_torch_checkpoint(model, checkpoint, skip_head=skip_head)
    heads = tuple(classifiers(model))
    return Initialization(
        str(path),
        copied=tuple(_weighted(model)) + (() if skip_head else heads),
        new=heads if skip_head else (),
        unproven=heads if fits and same_classes is None else (),
    )


def _from_model(model, source, path, same_classes, temporal_shift, start):
    ours, theirs = _weighted(model), _weighted(source)
    assignments, inflated, new, problems = {}, [], [], []
    for name, layer in ours.items():
        other = theirs.get(name)
        if other is None and _is_added(layer):
            new.append(name)
        elif other is None:
            problems.append(f"{name}: not in the source")
        elif isinstance(layer, RubiksShift2D) and _fits_shift(layer, other):
            assignments[name] = [_shift(layer, other, temporal_shift)]
            if not isinstance(other, RubiksShift3D) and isinstance(layer, RubiksShift3D):
                inflated.append(name)
        elif _shapes(layer) == _shapes(other):
            assignments[name] = other.get_weights()
        else:
            problems.append(f"{name}: {_shapes(other)} in the source, {_shapes(layer)} here")
    unused = [name for name in theirs if name not in ours]
    problems += [f"{name}: not in the model" for name in unused if not _is_added(theirs[name])]
    if problems:
        raise CheckpointError(
            f"The initial weights must be those of the same backbone. {path} holds "
            f"{source.name!r}, and nothing was copied to {model.name!r}, because {len(problems)} "
            "layers differ:\n  " + "\n  ".join(problems)
        )
    their_heads, unproven = classifiers(source), []
    for name, head in classifiers(model).items():
        fits = name in their_heads and _shapes(their_heads[name]) == _shapes(head)
        if fits and same_classes:
            assignments[name] = their_heads[name].get_weights()
            continue
        new.append(name)
        if fits and same_classes is None:
            unproven.append(name)
    layers = ours | classifiers(model)
    for name, values in assignments.items():
        layers[name].set_weights(values)
    added = [name for name in new if name in ours]
    identity = [] if start == "paper" else start_as_identity(model.backbone, added)
    return Initialization(
        str(path),
        copied=tuple(name for name in assignments if name not in inflated),
        inflated=tuple(inflated),
        new=tuple(new),
        identity=tuple(identity),
        unused=tuple(unused),
        unproven=tuple(unproven),
    )


def _weighted(model):
    return {layer.name: layer for layer in model.backbone.layers if layer.weights}


def _is_added(layer):
    """Returns whether the backbone without the layer is the same 2D network."""
    return isinstance(layer, TemporalLayer) and not layer.replaces_layer


def _shapes(layer):
    return [tuple(weight.shape) for weight in layer.weights]


def _fits_shift(layer, other):
    """Returns whether the other layer has the same rows of shifts, or the spatial ones."""
    if not isinstance(other, RubiksShift2D):
        return False
    rows, columns = layer.shift.shape
    return columns == other.shift.shape[1] and rows >= other.shift.shape[0]


def _shift(layer, other, start):
    """Returns the shift of `layer`, `[rows, C]`, with learned rows replaced by those of `other`.

    A row of time that `other` lacks begins as `start` says.
    """
    value, theirs = keras.ops.convert_to_numpy(layer.shift).copy(), other.shift.numpy()
    if layer.spatial == "learned":
        value[-2:] = theirs[-2:]
    if len(value) == 3 and layer.temporal == "learned":
        begin = temporal_start(start)((1, theirs.shape[1]))
        value[0] = theirs[0] if len(theirs) == 3 else begin[0]
    return value
