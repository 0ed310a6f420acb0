"""Names of EfficientNet in PyTorch (`_blocks.1._expand_conv`) for those of Keras' builder.

The order of the blocks is that of EfficientNet-B0 and -Lite0 (Tan and Le, EfficientNet, Table 1).
"""

import keras

from gsf_tf.weights.torch_names import TorchVariable, layer_variables

REPEATS = (1, 2, 2, 3, 3, 4, 1)
BLOCKS = [
    f"block{stage}{chr(ord('a') + index)}"
    for stage, repeats in enumerate(REPEATS, start=1)
    for index in range(repeats)
]
IN_BLOCK = {
    "expand_conv": "_expand_conv",
    "expand_bn": "_bn0",
    "dwconv": "_depthwise_conv",
    "bn": "_bn1",
    "project_conv": "_project_conv",
    "project_bn": "_bn2",
}
NAMES = {
    "stem_conv": "_conv_stem",
    "stem_bn": "_bn0",
    **{
        f"{block}_{ours}": f"_blocks.{number}.{theirs}"
        for number, block in enumerate(BLOCKS)
        for ours, theirs in IN_BLOCK.items()
    },
    "top_conv": "_conv_head",
    "top_bn": "_bn1",
    "fc": "_fc",
}
KNOWN_BY = "_conv_stem.weight"  # Torchvision's EfficientNets have other names.
DEPTHWISE = (2, 3, 0, 1)  # [channels, 1, height, width] -> [height, width, channels, 1]


def efficientnet_variables(backbone: keras.Model) -> dict[str, TorchVariable]:
    """Returns the variables of an EfficientNet-Lite0 by their names in PyTorch.

    Args:
        backbone: Functional `keras.Model`, such as `EfficientNetLite0`.

    Returns:
        Dictionary from names, such as `_blocks.0._depthwise_conv.weight`, to `TorchVariable`.
        A layer that the files do not have keeps its name.
    """
    return {
        f"{NAMES.get(layer.name, layer.name)}.{suffix}": variable
        for layer in backbone.layers
        if layer.weights
        for suffix, variable in _layer_variables(layer).items()
    }


def _layer_variables(layer):
    if isinstance(layer, keras.layers.DepthwiseConv2D):
        return {"weight": TorchVariable(layer.kernel, DEPTHWISE)}
    return layer_variables(layer)
