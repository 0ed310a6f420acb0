"""The default places of temporal layers in each family of backbones.

The rule of the GSF paper (section 3.2) is "after a 2D convolution"; if a normalization follows, the
temporal layer goes between the two. In residual families the place is the last convolution of every
residual branch, as in the paper's ResNets; in families of parallel branches it is the 1x1 branch,
as in the paper's Inceptions.
"""

import dataclasses
import re

import keras

from gsf_tf.models.recipes import (
    BACKBONES,
    BOTTLENECK,
    CONVNEXT,
    DENSENET,
    EFFICIENTNET,
    MOBILENETV3,
    RESNETV2,
)


@dataclasses.dataclass(frozen=True)
class FamilyPlaces:
    """How a family is recognized and where its temporal layers go; patterns of layer names.

    Attributes:
        known_by: A layer that every member of this family has, and no other family.
        after: The layers that a temporal layer follows.
        before: The layers that a temporal layer precedes.
        first_branch_of: Concatenations; a temporal layer follows the last convolution of
            their first branch. For families whose convolutions are only numbered.
        unless: A layer that no member has, for families that `known_by` alone does not identify.
    """

    known_by: str
    after: str | None = None
    before: str | None = None
    first_branch_of: str | None = None
    unless: str | None = None


FAMILIES = {
    # gsf_tf.backbones: the default placements of the presets.
    "ResNet v1.5 (bottleneck)": FamilyPlaces(
        known_by=r"layer\d_\d+_bn3", after=BOTTLENECK["conv3"]
    ),
    "ResNet v1.5 (basic)": FamilyPlaces(
        known_by=r"layer\d_\d+_conv1", unless=r"layer\d_\d+_conv3", after=r"layer\d_\d+_conv2"
    ),
    "BN-Inception": FamilyPlaces(
        known_by=r"inception_3a_1x1", after=BACKBONES["bninception"].gated_after["branch4"]
    ),
    "InceptionV3 (Caffe)": FamilyPlaces(
        known_by=r"mixed_conv_Conv2D", after=BACKBONES["inceptionv3"].gated_after["branch4"]
    ),
    # keras.applications. Bottlenecks end in a 1x1 convolution; v2 has no normalization after it.
    "ResNet and ResNetV2": FamilyPlaces(
        known_by=r"conv\d_block\d+_3_conv", after=RESNETV2["conv3"]
    ),
    # Eleven blocks. The first branch is the 1x1 branch; the two blocks that reduce have none, their
    # first branch is the 3x3 one. (In the second of them, the paper's module follows the 1x1 at the
    # beginning of that branch.)
    "InceptionV3": FamilyPlaces(known_by=r"mixed0", first_branch_of=r"mixed\d+"),
    # The linear 1x1 convolution that ends every residual branch, before its scale.
    "InceptionResNetV2": FamilyPlaces(known_by=r"block35_1_conv", after=r"block(35|17|8)_\d+_conv"),
    # The last separable convolution of every residual branch: the second one in the blocks that
    # reduce, the third one in the others. Block 14 is not residual.
    "Xception": FamilyPlaces(
        known_by=r"block2_sepconv1", after=r"block(2|3|4|13)_sepconv2|block([5-9]|1[0-2])_sepconv3"
    ),
    # No residual branches: after the 1x1 half of every separable convolution.
    "MobileNet": FamilyPlaces(known_by=r"conv_pw_1", after=r"conv_pw_\d+"),
    # Inverted residuals: after every linear 1x1 projection, where the channels are fewest.
    "MobileNetV2": FamilyPlaces(
        known_by=r"block_1_project", after=BACKBONES["mobilenetv2"].gated_after["project"]
    ),
    "MobileNetV3": FamilyPlaces(known_by=r"expanded_conv_1_project", after=MOBILENETV3["project"]),
    "EfficientNet and EfficientNetV2": FamilyPlaces(
        known_by=r"block1a_project_conv", after=EFFICIENTNET["project"]
    ),
    # The 3x3 convolution of every dense layer: only the features that the layer adds are shifted.
    "DenseNet": FamilyPlaces(known_by=r"conv\d_block\d+_concat", after=DENSENET["conv2"]),
    # The last 1x1 convolution of every residual branch (a Dense on a map), before its scale.
    "ConvNeXt": FamilyPlaces(
        known_by=r".*_stage_0_block_0_pointwise_conv_2",
        after=CONVNEXT["conv3"],
    ),
    # The 1x1 convolution that every branch but the previous cell's reads, in the normal cells.
    "NASNet": FamilyPlaces(known_by=r"normal_conv_1_0", after=r"normal_conv_1_\d+"),
    # No branches and no normalizations: one place per scale, at the end of every block.
    "VGG": FamilyPlaces(
        known_by=r"block1_conv1", unless=r"block2_sepconv1", before=r"block\d_pool"
    ),
}


def default_places(backbone):
    """Returns the places of temporal layers in a backbone, by the rule of its family.

    Args:
        backbone: Functional `keras.Model`.

    Returns:
        A pair of lists: names of the layers that a temporal layer follows, and names of the layers
        that a temporal layer precedes.

    Raises:
        ValueError: If the backbone belongs to none of the families, or to several.
    """
    names = [layer.name for layer in backbone.layers]
    families = families_of(names)
    if len(families) != 1:
        belongs = f"belongs to {' and '.join(families)}" if families else "belongs to none of them"
        raise ValueError(
            "At least one layer must be named in `after` or `before`, unless the backbone is of a "
            f"family whose places are known: {', '.join(FAMILIES)}. Received: no names, and "
            f"{backbone.name!r}, which {belongs}."
        )
    family = FAMILIES[families[0]]
    after = _matching(family.after, names)
    if family.first_branch_of:
        after += _first_branches(backbone, _matching(family.first_branch_of, names))
    return after, _matching(family.before, names)


def families_of(names):
    """Returns the families that a backbone with layers of these names may belong to."""
    return [
        title
        for title, family in FAMILIES.items()
        if _matching(family.known_by, names) and not _matching(family.unless, names)
    ]


def _matching(pattern, names):
    return [name for name in names if pattern and re.fullmatch(pattern, name)]


def _first_branches(backbone, concatenations):
    """The last convolution above the first input of each concatenation."""
    producers, inputs = {}, {}

    def call_function(layer, *args, **kwargs):
        outputs = layer(*args, **kwargs)
        producers[id(outputs)] = layer
        inputs[layer.name] = keras.tree.flatten(args)
        return outputs

    keras.models.clone_model(
        backbone, call_function=call_function, clone_function=lambda layer: layer
    )
    convolutions = []
    for name in concatenations:
        layer = producers[id(inputs[name][0])]
        while not isinstance(layer, keras.layers.Conv2D):
            layer = producers[id(inputs[layer.name][0])]
        convolutions.append(layer.name)
    return convolutions
