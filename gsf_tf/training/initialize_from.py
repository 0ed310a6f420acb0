import dataclasses
import pathlib

import keras

from gsf_tf.errors import CheckpointError
from gsf_tf.layers import RubiksShift2D, RubiksShift3D, TemporalLayer
from gsf_tf.models.layer_lookup import classifiers
from gsf_tf.weights.infer_preset import infer_preset
from gsf_tf.weights.load_torch_checkpoint import load_torch_checkpoint
from gsf_tf.weights.torch_checkpoint import TorchCheckpoint
from gsf_tf.workdir import Workdir

TORCH_FORMATS = (".pth", ".pth.tar", ".pt", ".tar")


@dataclasses.dataclass(frozen=True)
class Initialization:
    """What `initialize_from` did; names of layers.

    Attributes:
        source: Where the weights are from.
        copied: Layers that have the source's weights, linear ones included.
        inflated: Layers that have the spatial shifts of an image model, with their own in time.
        new: Layers that stayed as they were: temporal layers that the source has not, and linear
            layers for other classes.
        unused: Temporal layers of the source that the model has not.
    """

    source: str
    copied: tuple
    inflated: tuple = ()
    new: tuple = ()
    unused: tuple = ()

    def __str__(self):
        parts = [f"Weights of {self.source}: {len(self.copied)} layers copied"]
        for title, names in (
            ("inflated in time", self.inflated),
            ("made anew", self.new),
            ("left out", self.unused),
        ):
            if names:
                shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
                parts.append(f"{len(names)} {title} ({shown})")
        return "; ".join(parts)


def initialize_from(model, path, labels=None):
    """Starts a segment model from the weights of another: fine-tuning, and RubiksNet's inflation.

    The backbones must be the same 2D network; temporal layers that only one of them has are left as
    they are. A `RubiksShift3D` takes the spatial shifts of an image model's `RubiksShift2D` and
    keeps its own in time, as `gsf_tf.models.inflate` has it; a row of shifts that is fixed
    stays. Frames per clip and image size may differ. A linear layer is copied if name and number of
    classes agree and, where both are known, the classes themselves.

    Args:
        model: Built `SegmentModel`.
        path: Workdir of a run that has ended, `.keras` file of a `SegmentModel`, or PyTorch
            checkpoint (`load_torch_checkpoint`).
        labels: `LabelMap` of the data that the model will learn. With it, a workdir of other
            classes gives no linear layer, even if there are as many.

    Returns:
        An `Initialization`.

    Raises:
        UserError: If there is nothing to read at `path`, or training has not ended there.
        CheckpointError: If the backbones differ; all differences are listed, and the model stays
            as it was.

    Example:

    ```python
    model = gsf_tf.models.from_preset("rubiksnet_large", num_classes=101)
    print(gsf_tf.training.initialize_from(model, "runs/rubiksnet_large_kinetics400"))
    ```

    Reference:
        RubiksNet paper, section 4.1 (inflation; Kinetics before UCF-101 and HMDB-51); GSF paper,
        section 4.5 (Kinetics before EPIC-Kitchens-100).
    """
    path = pathlib.Path(path)
    if path.is_file() and path.name.endswith(TORCH_FORMATS):
        return _from_torch(model, path)
    same_classes = True
    if path.is_dir():
        workdir = Workdir(path)
        source = workdir.load_model()
        if labels is not None:
            same_classes = workdir.read_labels().fingerprint == labels.fingerprint
    elif path.is_file() and path.suffix == ".keras":
        source = _load(path)
    else:
        problem = "is neither" if path.exists() else "does not exist"
        raise CheckpointError(
            "Weights to start from are those of a workdir, a .keras file or a PyTorch checkpoint "
            f"({', '.join(TORCH_FORMATS)}). Received: {path}, which {problem}. Train or download "
            "the model that comes before this one."
        )
    return _from_model(model, source, path, same_classes)


def _load(path):
    try:
        source = keras.models.load_model(path, compile=False)
    except (ValueError, OSError, TypeError, KeyError) as error:
        raise CheckpointError(
            f"A .keras file must hold a model that can be loaded. Received: {path}: {error}"
        ) from error
    if not hasattr(source, "backbone"):
        raise CheckpointError(
            "Weights to start from are those of a `SegmentModel`. "
            f"Received: {path}, which holds a {type(source).__name__}."
        )
    return source


def _from_torch(model, path):
    checkpoint = TorchCheckpoint.read(path)
    skip_head = infer_preset(checkpoint).num_classes != model.num_classes
    load_torch_checkpoint(model, checkpoint, skip_head=skip_head)
    heads = tuple(classifiers(model))
    return Initialization(
        str(path),
        copied=tuple(_weighted(model)) + (() if skip_head else heads),
        new=heads if skip_head else (),
    )


def _from_model(model, source, path, same_classes):
    ours, theirs = _weighted(model), _weighted(source)
    assignments, inflated, new, problems = {}, [], [], []
    for name, layer in ours.items():
        other = theirs.get(name)
        if other is None and _is_added(layer):
            new.append(name)
        elif other is None:
            problems.append(f"{name}: not in the source")
        elif isinstance(layer, RubiksShift2D) and _fits_shift(layer, other):
            assignments[name] = [_shift(layer, other)]
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
            f"A model starts from one of the same backbone. {path} holds {source.name!r}, and "
            f"nothing of it was copied to {model.name!r}, for {len(problems)} layers differ:\n  "
            + "\n  ".join(problems)
        )
    their_heads = classifiers(source) if same_classes else {}
    for name, head in classifiers(model).items():
        if name in their_heads and _shapes(their_heads[name]) == _shapes(head):
            assignments[name] = their_heads[name].get_weights()
        else:
            new.append(name)
    layers = ours | classifiers(model)
    for name, values in assignments.items():
        layers[name].set_weights(values)
    return Initialization(
        str(path),
        copied=tuple(name for name in assignments if name not in inflated),
        inflated=tuple(inflated),
        new=tuple(new),
        unused=tuple(unused),
    )


def _weighted(model):
    return {layer.name: layer for layer in model.backbone.layers if layer.weights}


def _is_added(layer):
    """Whether a backbone may lack the layer: without it, it is the same 2D network."""
    return isinstance(layer, TemporalLayer) and not layer.replaces_layer


def _shapes(layer):
    return [tuple(weight.shape) for weight in layer.weights]


def _fits_shift(layer, other):
    """Whether the rows of a shift can be taken from another: the same, or space alone."""
    if not isinstance(other, RubiksShift2D):
        return False
    rows, columns = layer.shift.shape
    return columns == other.shift.shape[1] and rows >= other.shift.shape[0]


def _shift(layer, other):
    """The layer's shift `[rows, C]` with the rows that it learns taken from another's."""
    value, theirs = keras.ops.convert_to_numpy(layer.shift).copy(), other.shift.numpy()
    if layer.spatial == "learned":
        value[-2:] = theirs[-2:]
    if len(theirs) == 3 and layer.temporal == "learned":
        value[0] = theirs[0]
    return value
