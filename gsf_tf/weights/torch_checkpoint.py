import dataclasses
import os
from typing import Any

from gsf_tf.errors import CheckpointError
from gsf_tf.weights.read_torch_file import read_torch_file
from gsf_tf.weights.torch_names import HEADS
from gsf_tf.weights.torch_tensor import TorchTensor

# The entry of the file that holds the weights: GSF's (and TSN's), GSM's and TSM's, RubiksNet's.
GSF_CONTAINER = "model_state_dict"
CONTAINERS = (GSF_CONTAINER, "state_dict", "model")
PREFIXES = ("module.", "base_model.", "backbone.")

# An InceptionV3 or a RubiksNet-Large has about a thousand tensors, with names of 50 characters.
MAX_TENSORS = 4096
MAX_NAME = 256


@dataclasses.dataclass(frozen=True)
class TorchCheckpoint:
    """A PyTorch checkpoint: its tensors by their names in the network.

    Attributes:
        path: Path of the file.
        tensors: Dictionary from names without `module.`, `base_model.` and `backbone.` to
            `TorchTensor`. The counters `num_batches_tracked` are left out: Keras has none, and
            with a fixed momentum they have no effect.
        metadata: Dictionary of the numbers and texts beside the tensors, such as `epoch`.
        is_bare: Whether the names had no prefix, as in the file of a backbone.
        container: The entry of the file that held the tensors: `"model_state_dict"`,
            `"state_dict"`, `"model"`, or None for the file itself.
    """

    path: str
    tensors: dict[str, TorchTensor]
    metadata: dict[str, Any]
    is_bare: bool
    container: str | None = None

    @classmethod
    def read(cls, path: str | os.PathLike) -> "TorchCheckpoint":
        """Reads a file of GSF's, GSM's, TSM's or RubiksNet's code, or a plain state dictionary.

        Args:
            path: Path of the file. It must not move until all tensors have been used.

        Raises:
            CheckpointError: If the file cannot be read safely, or holds no state dictionary.
        """
        saved = read_torch_file(path)
        state, metadata, container = _state_dict(saved, path)
        tensors = {}
        for key, tensor in state.items():
            name = key
            for prefix in PREFIXES:
                name = name.removeprefix(prefix)
            if name in tensors:
                raise CheckpointError(
                    f"{path}: A name must occur once. Received: {name} with and without prefix"
                )
            if not name.endswith(".num_batches_tracked"):
                tensors[name] = tensor
        is_bare = not any(key.startswith(PREFIXES) for key in state)
        return cls(str(path), tensors, metadata, is_bare, container)

    @property
    def head(self) -> str | None:
        """Name of the linear layer in the checkpoint, or None without one."""
        return next((name for name in HEADS if f"{name}.weight" in self.tensors), None)


def as_torch_checkpoint(checkpoint):
    """Returns a `TorchCheckpoint` unchanged; reads the file if `checkpoint` is a path."""
    if isinstance(checkpoint, TorchCheckpoint):
        return checkpoint
    return TorchCheckpoint.read(checkpoint)


def _state_dict(saved, path):
    containers = [key for key in CONTAINERS if isinstance(saved, dict) and key in saved]
    state = saved[containers[0]] if containers else saved
    if not isinstance(state, dict) or not state or not all(map(_is_entry, state.items())):
        raise CheckpointError(
            f"{path}: A checkpoint must be a state dictionary, from names to tensors, or hold one "
            f"as {' or '.join(CONTAINERS)}. Received: a file with {_describe(saved)}"
        )
    if len(state) > MAX_TENSORS:
        raise CheckpointError(
            f"{path}: A state dictionary must have at most {MAX_TENSORS} tensors. "
            f"Received: {len(state)}"
        )
    for name in state:
        if len(name) > MAX_NAME or not name.isprintable():
            raise CheckpointError(
                f"{path}: The name of a tensor must have at most {MAX_NAME} characters, all of "
                f"which can be printed. Received: {name!r:.80}"
            )
    if not containers:
        return state, {}, None
    metadata = {key: _plain(value) for key, value in saved.items() if _is_plain(value)}
    return state, metadata, containers[0]


def _describe(saved):
    if not isinstance(saved, dict):
        return f"a {type(saved).__name__}"
    return ", ".join(f"{key!r:.80}" for key in list(saved)[:5]) or "nothing in it"


def _is_entry(item):
    return isinstance(item[0], str) and isinstance(item[1], TorchTensor)


def _is_plain(value):
    scalar = isinstance(value, TorchTensor) and value.shape == ()
    return scalar or isinstance(value, int | float | str)


def _plain(value):
    return value.numpy().item() if isinstance(value, TorchTensor) else value
