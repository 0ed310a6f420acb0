import numpy as np

from gsf_tf.errors import CheckpointError


def assign_tensors(variables, tensors, path, hint=""):
    """Assigns the tensors of a checkpoint to variables: either all of them or, on an error, none.

    Args:
        variables: Dictionary from names to `TorchVariable`.
        tensors: Dictionary from names to `TorchTensor`.
        path: Path of the checkpoint, for the error.
        hint: Advice that is added to the error.

    Raises:
        CheckpointError: If the names or shapes differ, or the data cannot be read. The message
            lists all differences, and no variable is changed.
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
            f"A checkpoint must have every weight of the model and no others. {path} does not fit; "
            f"nothing was loaded.{lists}{advice}"
        )
    values = {
        name: _read(tensors[name], variable.shape).transpose(variable.axes)
        for name, variable in variables.items()
    }
    for name, variable in variables.items():
        variable.variable.assign(values[name])


def _agrees(received, expected):
    """Returns whether shapes agree, where axes of one element do not matter.

    A vector may be `[1, C]`, as in BN-Inception from Caffe; a 2D kernel may have an axis of one
    frame, as in GST's 3D network; a linear layer may be a convolution over one position, as
    in MotionSqueeze's.
    """
    if len(expected) == 1:
        return received in (expected, (1, *expected))
    if len(expected) == 2:
        return received in (expected, (*expected, 1))
    if len(expected) == 4:
        return received in (expected, (*expected[:2], 1, *expected[2:]))
    return received == expected


def _read(tensor, shape):
    return np.array(tensor.numpy(), "float32").reshape(shape)
