"""The recipe of each backbone: how it is built, and the places of the temporal layers in it.

A place is a pattern of layer names. GSF, GSM and TSM differ in their places and in the share of the
channels that they process; the papers' studies of placement are further patterns.
"""

import dataclasses
import functools
from collections.abc import Callable

import keras

from gsf_tf.backbones import (
    BNInception,
    EfficientNetLite0,
    InceptionV3,
    ResNet,
    ResNet18,
    ResNet34,
    ResNet50,
    ResNet101,
)
from gsf_tf.backbones.without_preprocessing import without_preprocessing
from gsf_tf.models.normalization import (
    CAFFE_BGR,
    IMAGENET_RGB,
    LITE,
    MINUS_ONE_TO_ONE,
    OFFSET_128,
)

SHIFTS = ("tsn", "tsm", "gsm", "gsf")
GROUPED = ("gst", "gst_large")


@dataclasses.dataclass(frozen=True)
class BackboneRecipe:
    """The recipe of a backbone: its builder, its input, and the places of the temporal layers.

    Attributes:
        build: Callable from `input_shape` (and `weights`) to feature maps.
        normalization: Arguments of `ClipNormalization`.
        methods: The methods that the backbone has presets of.
        input_size: Height and width in pixels that the papers of GSF and RubiksNet use, or for the
            other backbones Keras by default.
        gated_after: For each placement, the pattern of the layers that GSF and GSM follow:
            between a convolution and its normalization. The first one is the default.
        channel_ratio: Default share of the channels that GSF and GSM process.
        fusion_initializer: Initializer of GSF's fusion kernels.
        tsm_before: Pattern of the layers that TSM precedes, the first of a residual branch.
        tsm_after: Pattern of the layers that TSM follows, for a backbone without residuals.
        gsm_after: Pattern of the layers that GSM follows, if it differs from GSF's default.
        gst_in_place_of: Pattern of the 3x3 convolutions that GST replaces.
        motion_after: The layer that MotionSqueeze follows; None for a backbone without it.
        has_imagenet: Whether Keras ships ImageNet weights for the backbone.
        has_batch_norm: Whether the backbone has batch normalization.
    """

    build: Callable
    normalization: dict
    methods: tuple[str, ...] = SHIFTS
    gated_after: dict[str, str] = dataclasses.field(default_factory=dict)
    channel_ratio: float = 1.0
    input_size: int = 224
    fusion_initializer: str | None = None
    tsm_before: str | None = None
    tsm_after: str | None = None
    gsm_after: str | None = None
    gst_in_place_of: str | None = None
    motion_after: str | None = None
    has_imagenet: bool = False
    has_batch_norm: bool = True


# GSF paper, Table 3. The default is conv3, as in the bold row and the released code; the text of
# the paper names conv2.
BOTTLENECK = {
    "conv3": r"layer\d_\d+_conv3",
    "conv1": r"layer\d_\d+_conv1",
    "conv2": r"layer\d_\d+_conv2",
    "all": r"layer\d_\d+_conv[123]",
}

# GSF paper, Table 1. Branch 4 is the default: the 1x1 branch or, in the two blocks without one (3c
# and 4e), the reduction of the 3x3 branch. The paper does not state the place in branches 1-3;
# here it is the last convolution of each. Branch 1 is the pooling branch, which has no convolution
# in 3c and 4e; there it is replaced as branch 4 is. docs/paper_tables.md compares the resulting
# numbers with the paper's.
BN_INCEPTION_BRANCHES = {
    "branch4": r"inception_\d[a-e]_1x1|inception_(3c|4e)_3x3_reduce",
    "branch3": r"inception_\d[a-e]_3x3",
    "branch2": r"inception_\d[a-e]_double_3x3_2",
    "branch1": r"inception_\d[a-e]_pool_proj|inception_(3c|4e)_3x3_reduce",
}
BN_INCEPTION_BRANCHES["all"] = "|".join(BN_INCEPTION_BRANCHES.values())

# Families of keras.applications, and EfficientNet-Lite, which are not in the GSF paper. Its rule
# (section 3.2) is "after a 2D convolution"; here it is the last one of every residual branch. TSM
# (Lin et al., ICCV 2019, section 4.1) precedes the first one, in the blocks that have an identity
# path.
EFFICIENTNET = {"project": r"block\d+[a-z]+_project_conv"}
# Every block of a stage but the first has an identity path. Stage 1 does not expand.
EFFICIENTNET_TSM = r"block1[b-z]_project_conv|block[2-9][b-z]_expand_conv"
MOBILENETV3 = {"project": r"expanded_conv(_\d+)?_project"}
RESNETV2 = {"conv3": r"conv\d_block\d+_3_conv"}
# The 3x3 convolution of every dense layer: only the features that the layer adds are shifted.
DENSENET = {"conv2": r"conv\d_block\d+_2_conv"}
# The last 1x1 convolution of every residual branch (a Dense on a map), before its scale.
CONVNEXT = {"conv3": r".*_stage_\d_block_\d+_pointwise_conv_2"}


def _of_keras(build, normalization, gated_after, tsm_before, **kwargs):
    """The recipe of a network of `keras.applications` without its own normalization."""
    return BackboneRecipe(
        build=functools.partial(build, include_top=False),
        normalization=normalization,
        gated_after=gated_after,
        channel_ratio=0.5,
        tsm_before=tsm_before,
        has_imagenet=True,
        **kwargs,
    )


def _efficientnetv2(build, input_size, normalization=IMAGENET_RGB):
    return _of_keras(
        functools.partial(build, include_preprocessing=False),
        normalization,
        EFFICIENTNET,
        EFFICIENTNET_TSM,
        input_size=input_size,
    )


def _mobilenetv3(build, blocks_with_identity):
    return _of_keras(
        functools.partial(build, include_preprocessing=False),
        MINUS_ONE_TO_ONE,
        MOBILENETV3,
        rf"expanded_conv_({blocks_with_identity})_expand",
    )


def _efficientnetb0(**kwargs):
    return without_preprocessing(keras.applications.EfficientNetB0(**kwargs))


BACKBONES = {
    "bninception": BackboneRecipe(
        build=functools.partial(BNInception, include_top=False),
        normalization=CAFFE_BGR,
        gated_after=BN_INCEPTION_BRANCHES,
        channel_ratio=1.0,  # Table 2
        tsm_after=BN_INCEPTION_BRANCHES["branch4"],
    ),
    # Eleven modules for GSF. GSM skips mixed_6 and is in another branch of mixed_3.
    "inceptionv3": BackboneRecipe(
        build=functools.partial(InceptionV3, include_top=False),
        normalization=CAFFE_BGR,
        input_size=229,
        gated_after={
            "branch4": r"mixed(_(1|2|3|4|5|6|7|9|10))?_conv_Conv2D|mixed_8_tower_conv_Conv2D"
        },
        channel_ratio=1.0,
        tsm_after=r"mixed(_(1|2|3|4|5|6|7|9|10))?_conv_Conv2D|mixed_8_tower_conv_Conv2D",
        gsm_after=r"mixed(_(1|2|4|5|7|9|10))?_conv_Conv2D|mixed_[38]_tower_conv_Conv2D",
    ),
    "resnet50": BackboneRecipe(
        build=functools.partial(ResNet50, include_top=False),
        normalization=IMAGENET_RGB,
        methods=SHIFTS + GROUPED,
        gated_after=BOTTLENECK,
        channel_ratio=0.25,  # Table 4
        fusion_initializer="he_fan_out",
        tsm_before=r"layer\d_\d+_conv1",
        gst_in_place_of=r"layer\d_\d+_conv2",
    ),
    # The RubiksNet paper compares its smaller tiers with TSM on these two (Table 1). Their 3x3
    # convolution pads in a layer of its own, and the shift comes before it.
    "resnet34": BackboneRecipe(
        build=functools.partial(ResNet34, include_top=False),
        normalization=IMAGENET_RGB,
        methods=("tsn", "tsm"),
        tsm_before=r"layer\d_\d+_conv1_pad",
    ),
    "resnet18": BackboneRecipe(
        build=functools.partial(ResNet18, include_top=False),
        normalization=IMAGENET_RGB,
        methods=("tsn", "tsm"),
        tsm_before=r"layer\d_\d+_conv1_pad",
    ),
    # TSM: every second block.
    "resnet101": BackboneRecipe(
        build=functools.partial(ResNet101, include_top=False),
        normalization=IMAGENET_RGB,
        methods=SHIFTS + GROUPED,
        gated_after=BOTTLENECK,
        channel_ratio=0.25,
        fusion_initializer="he_fan_out",
        tsm_before=r"layer\d_\d*[02468]_conv1",
        gst_in_place_of=r"layer\d_\d+_conv2",
    ),
    # Four bottlenecks of a quarter of ResNet-50's width, for small frames, small data and trials.
    "resnet14thin": BackboneRecipe(
        build=functools.partial(ResNet, (1, 1, 1, 1), 16, include_top=False, name="resnet14thin"),
        normalization=IMAGENET_RGB,
        methods=SHIFTS + GROUPED,
        gated_after=BOTTLENECK,
        channel_ratio=0.5,
        fusion_initializer="he_fan_out",
        tsm_before=r"layer\d_\d+_conv1",
        gst_in_place_of=r"layer\d_\d+_conv2",
    ),
    # Not in the GSF paper. After every linear 1x1 projection; half of the channels, because a
    # quarter of 24 is not a multiple of 4. TSM: in the ten blocks that have an identity path.
    "mobilenetv2": BackboneRecipe(
        build=functools.partial(keras.applications.MobileNetV2, include_top=False),
        normalization=MINUS_ONE_TO_ONE,
        gated_after={"project": r"(expanded_conv|block_\d+)_project"},
        channel_ratio=0.5,
        tsm_before=r"block_(2|4|5|7|8|9|11|12|14|15)_expand",
        has_imagenet=True,
    ),
    "efficientnetlite0": BackboneRecipe(
        build=functools.partial(EfficientNetLite0, include_top=False),
        normalization=LITE,
        gated_after=EFFICIENTNET,
        channel_ratio=0.5,
        tsm_before=EFFICIENTNET_TSM,
    ),
    "efficientnetb0": _of_keras(_efficientnetb0, IMAGENET_RGB, EFFICIENTNET, EFFICIENTNET_TSM),
    "efficientnetv2b0": _efficientnetv2(keras.applications.EfficientNetV2B0, 224),
    "efficientnetv2b1": _efficientnetv2(keras.applications.EfficientNetV2B1, 240),
    "efficientnetv2b2": _efficientnetv2(keras.applications.EfficientNetV2B2, 260),
    "efficientnetv2b3": _efficientnetv2(keras.applications.EfficientNetV2B3, 300),
    "efficientnetv2s": _efficientnetv2(keras.applications.EfficientNetV2S, 384, OFFSET_128),
    "mobilenetv3small": _mobilenetv3(keras.applications.MobileNetV3Small, "2|4|5|7|9|10"),
    "mobilenetv3large": _mobilenetv3(keras.applications.MobileNetV3Large, "2|4|5|7|8|9|11|13|14"),
    "convnexttiny": _of_keras(
        functools.partial(keras.applications.ConvNeXtTiny, include_preprocessing=False),
        IMAGENET_RGB,
        CONVNEXT,
        r".*_stage_\d_block_\d+_depthwise_conv",
        has_batch_norm=False,
    ),
    "resnet50v2": _of_keras(
        keras.applications.ResNet50V2, MINUS_ONE_TO_ONE, RESNETV2, r"conv\d_block\d+_1_conv"
    ),
    # TSM: after the first normalization of a dense layer, which the features passed on do not see.
    "densenet121": _of_keras(
        keras.applications.DenseNet121, IMAGENET_RGB, DENSENET, r"conv\d_block\d+_1_conv"
    ),
}


def _with_motion(backbone, layer):
    """The recipe with MotionSqueeze after layer2, as the GSF paper's ResNet-50+MS (Table 8)."""
    return dataclasses.replace(BACKBONES[backbone], methods=("tsm", "gsf"), motion_after=layer)


BACKBONES |= {
    "resnet50_ms": _with_motion("resnet50", "layer2_3_out"),
    "resnet14thin_ms": _with_motion("resnet14thin", "layer2_0_out"),
}
