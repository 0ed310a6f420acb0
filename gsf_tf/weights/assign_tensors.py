import numpy as np

from gsf_tf.errors import CheckpointError


def assign_tensors(variables, tensors, path, hint=""):
    """Gives variables the values of a checkpoint: all of them, or none.

    Args:
        variables: Dictionary from names to `TorchVariable`.
        tensors: Dictionary from names to `TorchTensor`.
        path: Where the tensors are from, for the error.
        hint: What to do, added to the error.

    Raises:
        CheckpointError: If a name is missing or left over, a shape does not agree, or the data
            cannot be read; names and shapes are all listed, and no variable is changed.
    """
    missing = [name for name in variables if name not in tensors]
    unused = [name for name in tensors if name not in variables]
    wrong = [
        f"{name}: {list(tensors[name].shape)} in the file, {list(variable.shape)} in the model"
        for name, variable in variables.items()
        if name in tensors and not _agrees(tensors[name].shape, variable.shape)
    ]
    if missing or wrong or unused:
        parts = (
            ("missing in the file", missing),
            ("with another shape", wrong),
            ("in the file, without use", unused),
        )
        lists = "".join(
            f"\n{len(names)} {title}:\n  " + "\n  ".join(names) for title, names in parts if names
        )
        advice = f"\n{hint}" if hint else ""
        raise CheckpointError(
            f"A checkpoint has every weight of the model and no others. {path} does not fit; "
            f"nothing was loaded.{lists}{advice}"
        )
    values = {
        name: _read(tensors[name], variable.shape).transpose(variable.axes)
        for name, variable in variables.items()
    }
    for name, variable in variables.items():
        variable.variable.assign(values[name])


def _agrees(received, expected):
    """The BN-Inception that was converted from Caffe keeps its vectors as `[1, C]`."""
    return received == expected or (len(expected) == 1 and received == (1, *expected))


def _read(tensor, shape):
    return np.array(tensor.numpy(), "float32").reshape(shape)
