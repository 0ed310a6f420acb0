"""The rows of both papers' tables that are built here, and the arguments that build them.

Figures are the paper's as printed: parameters in millions, "FLOPs" (multiply-accumulates) per
clip in G. Rows are for 174 classes, 8 frames and the preset's own input size unless they say
otherwise. Rows of Table 8 that repeat others with more clips and crops per video (3 x 2 and so on)
have the same figures per clip. The other rows of the RubiksNet paper's Table 2 repeat its Table 1.
"""

import dataclasses
import functools

from gsf_tf.analysis import count_parameters, macs_by_convention
from gsf_tf.models import from_preset

NUM_CLASSES = 174  # Something-Something


@dataclasses.dataclass(frozen=True)
class Row:
    """One row: where it is printed, how it is built, what the paper says.

    Attributes:
        table: Number of the table in the GSF paper, "R" and the number for the RubiksNet paper, or
            "-" for figures that are in none.
        name: Name of the row.
        preset: Name of the preset.
        arguments: Arguments of `from_preset` beside the preset.
        parameters: The paper's parameters in millions, as printed.
        macs: The paper's FLOPs in G, as printed.
        note: What explains a difference.
    """

    table: str
    name: str
    preset: str
    arguments: dict = dataclasses.field(default_factory=dict)
    parameters: str = ""
    macs: str = ""
    note: str = ""


BNI, V3, R50, R101 = "gsf_bninception", "gsf_inceptionv3", "gsf_resnet50", "gsf_resnet101"
RUBIKS = "rubiksnet_"
MORE_FRAMES = {"num_segments": 16}
WINDOW = "{} G if the last pooling counts as a 7 x 7 window instead of a global one"
MS_CLASSES = "24.6 M is more than 174 or 400 classes (24.40 M) give"
MS_CODE = (
    "the authors' code has 23.9357 M, with the 256 of a normalization that nothing reads, and a "
    "counter that does not see the correlation gives 33.511 G"
)
KINETICS = "{} M is with the 400 classes of Kinetics"
LARGE = "the authors' released code gives 15.7 G too, in the same count"
LARGE_AQ = "the authors' released code gives 8.56 M and 15.7 G too, in the same count"

ROWS = (
    Row(
        "1",
        "branch 1: pool_proj, 3c and 4e 3x3_reduce",
        BNI,
        {"placement": "branch1"},
        "10.48",
        "16.51",
    ),
    Row("1", "branch 2: double_3x3_2", BNI, {"placement": "branch2"}, "10.49", "16.52"),
    Row("1", "branch 3: 3x3", BNI, {"placement": "branch3"}, "10.5", "16.5"),
    Row("1", "branch 4: 1x1", BNI, {"placement": "branch4"}, "10.5", "16.53"),
    Row("1", "all four", BNI, {"placement": "all"}, "10.62", "16.72"),
    #
    Row("2", "12.5 %", BNI, {"channel_ratio": 0.125}, "10.46", "16.45"),
    Row("2", "25 %", BNI, {"channel_ratio": 0.25}, "10.46", "16.46"),
    Row("2", "50 %", BNI, {"channel_ratio": 0.5}, "10.47", "16.48"),
    Row("2", "75 %", BNI, {"channel_ratio": 0.75}, "10.49", "16.51"),
    Row("2", "100 %", BNI, {}, "10.5", "16.53"),
    #
    Row("3", "after conv1", R50, {"placement": "conv1", "channel_ratio": 1}, "23.97", "33.53"),
    Row("3", "after conv2", R50, {"placement": "conv2", "channel_ratio": 1}, "23.97", "33.4"),
    Row("3", "after conv3", R50, {"channel_ratio": 1}, "24.3", "34.43"),
    Row("3", "after all conv", R50, {"placement": "all", "channel_ratio": 1}, "24.52", "35.25"),
    #
    Row("4", "12.5 %", R50, {"channel_ratio": 0.125}, "23.92", "33.23"),
    Row("4", "25 %", R50, {}, "23.97", "33.4"),
    Row("4", "50 %", R50, {"channel_ratio": 0.5}, "24.08", "33.75"),
    Row("4", "75 %", R50, {"channel_ratio": 0.75}, "24.19", "34.09"),
    Row("4", "100 %", R50, {"channel_ratio": 1}, "24.3", "34.43"),
    #
    Row("6", "BNInception (baseline)", "tsn_bninception", {}, "10.45", "16.43"),
    Row("6", "BNInception + 1 GSF", BNI, {"last_blocks": 1}, "10.46", "16.44"),
    Row("6", "BNInception + 5 GSF", BNI, {"last_blocks": 5}, "10.48", "16.46"),
    Row("6", "BNInception + 10 GSF", BNI, {"last_blocks": 10}, "10.5", "16.53"),
    #
    Row("7", "ResNet-50 (baseline)", "tsn_resnet50", {}, "23.86", "33.06"),
    Row("7", "ResNet-50 + 4 GSF", R50, {"last_blocks": 4}, "23.92", "33.09"),
    Row("7", "ResNet-50 + 8 GSF", R50, {"last_blocks": 8}, "23.95", "33.14"),
    Row("7", "ResNet-50 + 16 GSF", R50, {"last_blocks": 16}, "23.97", "33.4"),
    #
    Row("8", "TSN BN-Inception, 16 frames", "tsn_bninception", MORE_FRAMES, "10.45", "32.87"),
    Row(
        *("8", "TSM ResNet-50, 16 frames", "tsm_resnet50", MORE_FRAMES, "24.3", "65"),
        note="24.3 M is with 400 classes (below); 65 G is convolutions and linear layers only",
    ),
    Row("8", "GST ResNet-50, 16 frames", "gst_resnet50", MORE_FRAMES, "21", "59"),
    Row("8", "MSNet ResNet-50, 8 frames", "tsm_resnet50_ms", {}, "24.6", "34", note=MS_CLASSES),
    Row(
        *("8", "MSNet ResNet-50, 16 frames", "tsm_resnet50_ms", MORE_FRAMES, "24.6", "67"),
        note=MS_CLASSES,
    ),
    Row("8", "GSF BNInception, 8 frames", BNI, {}, "10.5", "16.53"),
    Row("8", "GSF ResNet-50, 8 frames", R50, {}, "23.97", "33.4"),
    Row("8", "GSF InceptionV3, 8 frames", V3, {}, "22.22", "26.96"),
    Row(
        *("8", "GSF InceptionV3, 8 x 3 x 2", V3, {}, "22.22", "26.85"),
        note="misprint: 26.85 G is InceptionV3 without GSF (below)",
    ),
    Row("8", "GSF BNInception, 16 frames", BNI, MORE_FRAMES, "10.5", "33.06"),
    Row("8", "GSF ResNet-50, 16 frames", R50, MORE_FRAMES, "23.97", "66.8"),
    Row("8", "GSF InceptionV3, 16 frames", V3, MORE_FRAMES, "22.22", "53.93"),
    Row("8", "GSF ResNet-50+MS, 16 frames", R50 + "_ms", MORE_FRAMES, "24.05", "68.05"),
    #
    Row("-", "GSM BN-Inception", "gsm_bninception", note=WINDOW.format("16.528")),
    Row("-", "GSM InceptionV3", "gsm_inceptionv3"),
    Row("-", "TSN InceptionV3", "tsn_inceptionv3", macs="26.85", note="Table 8 has 26.85 G at GSF"),
    Row("-", "TSM ResNet-50, 400 classes", "tsm_resnet50", {"num_classes": 400}, "24.3"),
    Row("-", "GST ResNet-50", "gst_resnet50", note=WINDOW.format("29.356")),
    Row("-", "MotionSqueeze ResNet-50", "tsm_resnet50_ms", note=MS_CODE),
    Row("-", "GST-Large ResNet-50", "gst_large_resnet50", note=WINDOW.format("40.454")),
    Row("-", "GSF ResNet-101", R101),
    #
    Row("R1", "TSN ResNet-50", "tsn_resnet50", {}, "24.3", "33", note=KINETICS.format("24.3")),
    Row("R1", "TSM ResNet-50", "tsm_resnet50", {}, "24.3", "33", note=KINETICS.format("24.3")),
    Row("R1", "TSM ResNet-34", "tsm_resnet34", {}, "21.4", "29.4"),
    Row("R1", "TSM ResNet-18", "tsm_resnet18", {}, "11.3", "14.6"),
    Row("R1", "RubiksNet-Large", RUBIKS + "large", {}, "8.5", "15.8", note=LARGE),
    Row("R1", "RubiksNet-Medium", RUBIKS + "medium", {}, "6.2", "11.2"),
    Row("R1", "RubiksNet-Small", RUBIKS + "small", {}, "3.6", "6.8"),
    Row("R1", "RubiksNet-Tiny", RUBIKS + "tiny", {}, "1.9", "3.9"),
    Row("R1", "RubiksNet-Large, attention", RUBIKS + "large_aq", {}, "8.5", "15.8", note=LARGE_AQ),
    Row("R1", "RubiksNet-Tiny, attention", RUBIKS + "tiny_aq", {}, "1.9", "3.9"),
    Row(
        *("R2", "TSN BN-Inception", "tsn_bninception", {}, "10.7", "16"),
        note=KINETICS.format("10.7"),
    ),
    Row("R3", "TSN ResNet-50, UCF-101", "tsn_resnet50", {"num_classes": 101}, "23.7", "33"),
    Row("R3", "TSM ResNet-50, UCF-101", "tsm_resnet50", {"num_classes": 101}, "23.7", "33"),
    Row("R3", "UCF-101", RUBIKS + "large", {"num_classes": 101}, "8.5", "15.8", note=LARGE),
    Row("R3", "HMDB-51", RUBIKS + "large", {"num_classes": 51}, "8.5", "15.8", note=LARGE),
)


def count(preset, **arguments):
    """Builds a preset and counts it.

    Args:
        preset: Name of the preset.
        **arguments: Arguments of `from_preset`; 174 classes unless they say otherwise.

    Returns:
        A `Counts`.
    """
    return _count(preset, tuple(sorted(arguments.items())))


@dataclasses.dataclass(frozen=True)
class Counts:
    """Parameters, and multiply-accumulates per clip as the papers count them and as most do.

    `image_size` is the height and width of a frame in pixels.
    """

    parameters: int
    macs: int
    conv_linear_macs: int
    image_size: int


@functools.cache
def _count(preset, arguments):
    model = from_preset(preset, **{"num_classes": NUM_CLASSES, **dict(arguments)})
    macs = macs_by_convention(model)
    image_size = model.input_shape[2]
    return Counts(count_parameters(model), macs["paper"], macs["conv_linear"], image_size)


def difference(paper, ours):
    """Ours minus the paper's figure, in the digits that the paper prints; "=" for none."""
    if not paper:
        return ""
    digits = len(paper.partition(".")[2])
    value = round(round(ours, digits) - float(paper), digits)
    return f"{value:+.{digits}f}" if value else "="
