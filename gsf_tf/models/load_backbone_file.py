"""Weights of a backbone in a file of Keras, read into the backbone of a segment model."""

import contextlib
import os
import pathlib
import re
import shutil
import tempfile
import zipfile

import h5py
import keras

from gsf_tf.errors import CheckpointError
from gsf_tf.models.backbone_fill import TEMPORAL, BackboneFill

ARCHIVED = "model.weights.h5"  # The member of a .keras file.
# What a backbone does not need of a whole network: its linear layer, and its own preprocessing.
WITHOUT_USE = re.compile(r"(dense|normalization)(_\d+)?")


def load_backbone_file(backbone: keras.Model, path: str | os.PathLike) -> BackboneFill:
    """Loads the weights of a backbone with or without temporal layers, by the names of the layers.

    Args:
        backbone: Functional `keras.Model`, the backbone of a segment model.
        path: `.weights.h5` or `.keras` file of the same 2D network.

    Returns:
        What was filled; as text it is one line for a log.

    Raises:
        CheckpointError: If the file cannot be read, or does not hold every weight of the 2D
            network. The message lists all differences, and the backbone stays as it was.
    """
    path = pathlib.Path(path)
    with tempfile.TemporaryDirectory() as folder:
        merged = pathlib.Path(folder, "merged.weights.h5")
        backbone.save_weights(merged)
        with opened(path) as source, h5py.File(merged, "r+") as ours:
            fill = _merge(_layers(source, path), _layers(ours, merged), path)
        backbone.load_weights(merged)
    return fill


def holds_segment_model(path: str | os.PathLike) -> bool:
    """Returns whether a `.weights.h5` or `.keras` file is that of a `SegmentModel`.

    Raises:
        CheckpointError: If the file cannot be read.
    """
    with opened(pathlib.Path(path)) as source:
        return "layers/fold_segments" in source


@contextlib.contextmanager
def opened(path: pathlib.Path):
    """Opens the weights of a `.weights.h5` or `.keras` file; the context is a `h5py.File`.

    Raises:
        CheckpointError: If it is no such file.
    """
    with contextlib.ExitStack() as stack:
        try:
            file = path
            if path.suffix == ".keras":
                folder = stack.enter_context(tempfile.TemporaryDirectory())
                file = _unpacked(path, pathlib.Path(folder))
            source = stack.enter_context(h5py.File(file, "r"))
        except (OSError, KeyError, zipfile.BadZipFile) as error:
            raise CheckpointError(
                "A file of weights must be one that Keras 3 wrote, .weights.h5 or .keras. "
                f"Received: {path} ({type(error).__name__}: {error})"
            ) from error
        yield source


def _unpacked(path, folder):
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo(ARCHIVED)
        if info.file_size > os.path.getsize(path):
            raise zipfile.BadZipFile(f"{ARCHIVED} unpacks to {info.file_size} bytes")
        with archive.open(info) as member, (folder / ARCHIVED).open("wb") as file:
            shutil.copyfileobj(member, file)
    return folder / ARCHIVED


def _layers(file, path):
    """The arrays of each layer with weights: name of the layer -> (key, {path inside: dataset})."""
    layers = {}
    for key in _group(file, "layers"):
        group = _group(file["layers"], key)
        arrays = _arrays(group)
        name = _group(group, "vars").attrs.get("name") if "vars" in group else None
        if arrays and name is None:
            raise CheckpointError(
                "A file of weights must have the names of its layers, as Keras writes them since "
                f"version 3.6. Received: {path}, where layers/{key} has none. Load it in Keras and "
                "save it again."
            )
        if arrays:
            layers[name] = (key, arrays)
    return layers


def _group(parent, key):
    """A member that lies in the file itself, or an empty dictionary."""
    if not isinstance(parent.get(key, getlink=True), h5py.HardLink):
        return {}
    return parent[key] if isinstance(parent[key], h5py.Group) else {}


def _arrays(group, prefix=""):
    found = {}
    for key in group:
        if not isinstance(group.get(key, getlink=True), h5py.HardLink):
            continue
        if isinstance(group[key], h5py.Group):
            found |= _arrays(group[key], f"{prefix}{key}/")
        elif not group[key].external and not group[key].is_virtual:
            found[f"{prefix}{key}"] = group[key]
    return found


def _merge(theirs, ours, path):
    """Copies the arrays of `theirs` into those of `ours`; returns a `BackboneFill`."""
    pairs, new, problems = {}, [], []
    by_key = {key: name for name, (key, _) in theirs.items() if name not in ours}
    for name, (key, arrays) in ours.items():
        # Keras numbers the layers to which nobody gave a name; these have a place in the file.
        other = name if name in theirs else by_key.get(key)
        if other is None and name.endswith(TEMPORAL):
            new.append(name)
        elif other is None:
            problems.append(f"{name}: not in the file")
        elif _shapes(arrays) != _shapes(theirs[other][1]):
            problems.append(
                f"{name}: {_shapes(theirs[other][1])} in the file, {_shapes(arrays)} here"
            )
        else:
            pairs[name] = other
    unused = [name for name in theirs if name not in pairs.values()]
    problems += [f"{name}: not in the model" for name in unused if not _is_spare(name, theirs)]
    if problems:
        raise CheckpointError(
            "A file of weights must be that of the same segment model or the same backbone. "
            f"{path} is neither; nothing was loaded, because {len(problems)} layers differ:\n  "
            + "\n  ".join(problems)
        )
    for name, other in pairs.items():
        for inside, array in ours[name][1].items():
            array[...] = theirs[other][1][inside][...]
    return BackboneFill(str(path), tuple(pairs), tuple(new), tuple(unused))


def _is_spare(name, layers):
    return name.endswith(TEMPORAL) or WITHOUT_USE.fullmatch(layers[name][0]) is not None


def _shapes(arrays):
    return [arrays[inside].shape for inside in sorted(arrays)]
