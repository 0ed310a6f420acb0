import os

import keras
import numpy as np

from gsf_tf.errors import CheckpointError
from gsf_tf.weights.motion_names import unused_entries
from gsf_tf.weights.rubiksnet_file import rubiksnet_entries
from gsf_tf.weights.rubiksnet_names import RubiksNetNames, is_rubiksnet
from gsf_tf.weights.torch_names import (
    backbone_variables,
    layer_variables,
    method_of,
    temporal_methods,
)
from gsf_tf.weights.write_torch_file import write_torch_file

# Names of the networks in GSM's and TSM's programs. GSF's program uses the names of this library.
CAMEL_CASE = {"bninception": "BNInception", "inceptionv3": "InceptionV3"}


def save_torch_checkpoint(model: keras.Model, path: str | os.PathLike) -> None:
    """Saves a segment model in the format of the authors' PyTorch programs.

    The programs of GSF (also for TSN), GSM, TSM, GST, MotionSqueeze (for TSM with the module) and
    RubiksNet can load the file, and so can
    `torch.load(path, weights_only=True)`; PyTorch is not needed to write it. Beside the weights, it
    has the entries that those programs read, such as `epoch` 0 and `best_prec1` 0, but no state of
    an optimizer: it can be evaluated and fine-tuned, but training cannot be resumed. A RubiksNet's
    file has the entries `tier`, `num_classes`, `num_frames` and `variant` instead.

    Args:
        model: `SegmentModel` of a preset.
        path: Path of the file, `.pth.tar` in the authors' programs.

    Raises:
        CheckpointError: If the backbone has layers that the authors' networks do not have, is a
            RubiksNet of an unpublished size, or the model has several tasks.

    Example:

    ```python
    gsf_tf.weights.save_torch_checkpoint(model, "gsf_resnet50.pth.tar")
    ```
    """
    if isinstance(model.num_classes, dict):
        raise CheckpointError(
            f"A checkpoint has one linear layer. Received: {model.name!r} with one for each of "
            f"{', '.join(model.num_classes)}. Use `model.save`, which saves any model."
        )
    if is_rubiksnet(model.backbone):
        variables = RubiksNetNames().variables(model.backbone)
        content = rubiksnet_entries(model, variables)
        content["model"] = _state(model, variables, "backbone.", "new_fc.")
        write_torch_file(content, path)
        return
    method = method_of(model.backbone)
    squeezes = "ms" in temporal_methods(model.backbone)
    variables = backbone_variables(model.backbone, shift_wrapper=not squeezes)
    state = _state(model, variables, "module.base_model.", "module.new_fc.")
    if squeezes:
        state |= {f"module.base_model.{name}": value for name, value in unused_entries().items()}
        state["module.base_model.bn2.num_batches_tracked"] = np.array(0, "int64")
    if squeezes and method == "tsm":  # In its program, the linear layer is a 1x1 convolution.
        state["module.new_fc.weight"] = state["module.new_fc.weight"][:, :, None]
    if method == "gst":
        state = {name: _with_frames(value) for name, value in state.items()}
    arch = model.backbone.name
    if method in ("gsf", "tsn"):
        content = {
            "epoch": 0,
            "arch": arch,
            "model_state_dict": state,
            "scaler_state_dict": {},
            "best_prec1": 0.0,
            "current_prec1": 0.0,
            "lr": 0.0,
        }
    else:
        content = {
            "epoch": 0,
            "arch": CAMEL_CASE.get(arch, arch),
            "state_dict": state,
            "best_prec1": 0.0,
        }
    write_torch_file(content, path)


def _state(model, variables, backbone, head):
    """Returns the state dictionary, whose names begin with `backbone` or `head`."""
    state = {}
    for name, variable in variables.items():
        state[f"{backbone}{name}"] = variable.to_torch()
        if name.endswith(".running_var"):
            counter = name.replace(".running_var", ".num_batches_tracked")
            state[f"{backbone}{counter}"] = np.array(0, "int64")
    for name, variable in layer_variables(model.get_layer("classifier")).items():
        state[f"{head}{name}"] = variable.to_torch()
    return state


def _with_frames(value):
    """Returns a 2D kernel `[out, in, height, width]` as GST's 3D network has it, for one frame."""
    return value[:, :, None] if value.ndim == 4 else value
