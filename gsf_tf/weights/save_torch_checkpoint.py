import numpy as np

from gsf_tf.errors import CheckpointError
from gsf_tf.weights.rubiksnet_file import rubiksnet_entries
from gsf_tf.weights.rubiksnet_names import RubiksNetNames, is_rubiksnet
from gsf_tf.weights.torch_names import backbone_variables, layer_variables, method_of
from gsf_tf.weights.write_torch_file import write_torch_file

# What GSM's and TSM's programs call the networks that GSF's calls by our names.
CAMEL_CASE = {"bninception": "BNInception", "inceptionv3": "InceptionV3"}


def save_torch_checkpoint(model, path):
    """Saves a segment model as the authors' PyTorch code saves its own.

    The file is what `torch.load(path, weights_only=True)` opens and what the programs of GSF (also
    for TSN), GSM and TSM load; PyTorch is not needed to write it. Beside the weights it has the
    entries that those programs read: `epoch` 0, `best_prec1` 0 and the like, but no state of
    an optimizer, so it serves to evaluate and to start from, not to resume. A RubiksNet's file has
    `tier`, `num_classes`, `num_frames` and `variant` in their place.

    Args:
        model: `SegmentModel` of a preset.
        path: Path of the file, `.pth.tar` in the authors' programs.

    Raises:
        CheckpointError: If the backbone has layers that the authors' networks do not have, or is
            a RubiksNet of no tier; or if there are several tasks.

    Example:

    ```python
    gsf_tf.weights.save_torch_checkpoint(model, "gsf_resnet50.pth.tar")
    ```
    """
    if isinstance(model.num_classes, dict):
        raise CheckpointError(
            f"A checkpoint has one linear layer. Received: {model.name!r} with one for each of "
            f"{', '.join(model.num_classes)}. `model.save` saves any model."
        )
    if is_rubiksnet(model.backbone):
        variables = RubiksNetNames().variables(model.backbone)
        content = rubiksnet_entries(model, variables)
        content["model"] = _state(model, variables, "backbone.", "new_fc.")
        write_torch_file(content, path)
        return
    method = method_of(model.backbone)
    variables = backbone_variables(model.backbone)
    state = _state(model, variables, "module.base_model.", "module.new_fc.")
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
    """The state dictionary, whose names begin with `backbone` or `head`."""
    state = {}
    for name, variable in variables.items():
        state[f"{backbone}{name}"] = variable.to_torch()
        if name.endswith(".running_var"):
            counter = name.replace(".running_var", ".num_batches_tracked")
            state[f"{backbone}{counter}"] = np.array(0, "int64")
    for name, variable in layer_variables(model.get_layer("classifier")).items():
        state[f"{head}{name}"] = variable.to_torch()
    return state
