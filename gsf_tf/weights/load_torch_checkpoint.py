import os

import keras

from gsf_tf.errors import CheckpointError
from gsf_tf.weights.assign_tensors import assign_tensors
from gsf_tf.weights.motion_names import has_motion, with_our_motion_names
from gsf_tf.weights.rubiksnet_file import fit_to_rubiksnet
from gsf_tf.weights.rubiksnet_names import is_rubiksnet
from gsf_tf.weights.torch_checkpoint import TorchCheckpoint, as_torch_checkpoint
from gsf_tf.weights.torch_names import (
    HEADS,
    backbone_variables,
    layer_variables,
    temporal_methods,
    with_our_module_names,
)


def load_torch_checkpoint(
    model: keras.Model,
    checkpoint: TorchCheckpoint | str | os.PathLike,
    skip_head: bool = False,
) -> None:
    """Loads a PyTorch checkpoint of the papers' methods into a segment model.

    These are GSF, GSM, TSM, TSN, GST, RubiksNet, and TSM or GSF with MotionSqueeze.

    The file is read without PyTorch and without running code from it. Either all weights fit and
    are loaded, or an error lists the differences and the model stays unchanged. Plain state
    dictionaries of torchvision's ResNets and of BN-Inception fit TSN and TSM, which add no weights
    to the backbone. For the backbone of a GSF or GSM model, use
    `from_preset(..., weights="resnet50.pth")`.

    Args:
        model: Built `SegmentModel` of a preset.
        checkpoint: `TorchCheckpoint`, or the path of a `.pth.tar` or `.pth` file.
        skip_head: Whether the linear layer of the model keeps its weights and that of the file is
            ignored, as needed for another number of classes.

    Raises:
        CheckpointError: If the file is damaged, would run code, or does not fit the model. The
            message lists all missing names, wrong shapes and unused names. A multi-task model has
            several linear layers and such a file has one, so it needs `skip_head`.
        ValueError: If the model is not a `SegmentModel`.

    Example:

    ```python
    model = gsf_tf.models.from_preset("gsf_bninception", num_classes=174)
    gsf_tf.weights.load_torch_checkpoint(model, "something-v1_segment8_best.pth.tar")
    ```

    Reference:
        GSF paper, section 4; the files of https://github.com/swathikirans/GSF,
        https://github.com/StanfordVL/RubiksNet, https://github.com/chenxuluo/GST-video and
        https://github.com/arunos728/MotionSqueeze.
    """
    if not hasattr(model, "backbone"):
        raise ValueError(
            "`model` must be a `gsf_tf.models.SegmentModel`, which has a backbone and a linear "
            f"layer. Received: {type(model).__name__}. For a backbone, use load_torch_backbone."
        )
    if isinstance(model.num_classes, dict) and not skip_head:
        raise CheckpointError(
            "A checkpoint has one linear layer. Received: "
            f"{model.name!r} with one for each of {', '.join(model.num_classes)}. Pass "
            "skip_head=True to keep the model's linear layers as they are."
        )
    checkpoint = as_torch_checkpoint(checkpoint)
    tensors = with_our_module_names(checkpoint.tensors, checkpoint.path)
    tensors = with_our_motion_names(tensors, checkpoint.path)
    head = checkpoint.head or HEADS[0]
    if is_rubiksnet(model.backbone):
        variables, tensors = fit_to_rubiksnet(model.backbone, tensors, checkpoint.path)
    else:
        has_wrapper = any(".net." in name for name in tensors)
        # The program of MotionSqueeze shifts without a module, like the files of plain backbones.
        is_plain = checkpoint.is_bare or has_motion(tensors)
        variables = backbone_variables(model.backbone, shift_wrapper=has_wrapper or not is_plain)
    if skip_head:
        tensors = {n: t for n, t in tensors.items() if n.rpartition(".")[0] not in HEADS}
    else:
        for name, variable in layer_variables(model.get_layer("classifier")).items():
            variables[f"{head}.{name}"] = variable
    hint = _hint(model, checkpoint, variables, head)
    assign_tensors(variables, tensors, checkpoint.path, hint)


def _hint(model, checkpoint, variables, head):
    """Returns advice for a file that does not fit."""
    theirs, ours = checkpoint.tensors.get(f"{head}.weight"), variables.get(f"{head}.weight")
    hints = []
    if ours is not None and theirs is None:
        hints.append("The file has no linear layer: skip_head=True keeps the model's as it is.")
    elif ours is not None and theirs.shape != ours.shape:
        hints.append("For other classes, skip_head=True keeps the model's linear layer as it is.")
    if checkpoint.is_bare and temporal_methods(model.backbone) & {"gsf", "gsm"}:
        hints.append("To load the weights of a backbone alone, use from_preset(..., weights=path).")
    else:
        hints.append("gsf_tf.weights.infer_preset(path) returns the preset that the file fits.")
    return "\n".join(hints)
