"""The rows of accuracy in both papers' tables, each with the configuration that trains it here.

The tables are 1 to 12 of the GSF paper and, with an R, 1 to 5 of the RubiksNet paper. `OTHERS` has
the methods that their tables quote and that are not built here.
"""

import dataclasses

EFFICIENCY, ACCURACY, KINETICS = "efficiency", "accuracy", "kinetics"


@dataclasses.dataclass(frozen=True)
class AccuracyRow:
    """A row, or one of its columns.

    Attributes:
        table: Number of the table, with an R in front for the RubiksNet paper.
        name: Name of the row, with the dataset where the table has several.
        top1: What the paper prints, in percent.
        configuration: `FILE:ROW` of `configs/`.
        protocol: Name of the views that `gsf-tf evaluate` takes.
    """

    table: str
    name: str
    top1: float
    configuration: str
    protocol: str = EFFICIENCY

    @property
    def source(self) -> str:
        """Paper and table, as a configuration names them."""
        paper = "RubiksNet" if self.table.startswith("R") else "GSF"
        return f"{paper} paper, Table {self.table.removeprefix('R')}"


def _study(table, names, figures):
    return tuple(
        AccuracyRow(table, name, top1, f"gsf_studies:table{table}_{row}")
        for (name, row), top1 in zip(names.items(), figures, strict=True)
    )


def _something(name, row, tops, protocol=EFFICIENCY, table="8"):
    """A row of Table 8: its columns are Something-Something V1 and V2."""
    return tuple(
        AccuracyRow(table, f"{name}, {title}", top1, row.format(dataset), protocol)
        for dataset, title, top1 in zip(("ssv1", "ssv2"), ("SS-V1", "SS-V2"), tops, strict=True)
    )


def _gsf(title, backbone, frames, one_view, six_views=None):
    row = f"gsf:{backbone}_{{}}_{frames}f"
    rows = _something(f"GSF {title}, {frames} x 1 x 1", row, one_view)
    return rows + _something(f"GSF {title}, {frames} x 3 x 2", row, six_views, ACCURACY)


def _clips(name, row, top1):
    """A row of the RubiksNet paper's Table 1: its columns are 1 clip and 2 clips."""
    views = zip(("1-clip", "2-clip"), (EFFICIENCY, ACCURACY), top1, strict=True)
    return tuple(AccuracyRow("R1", f"{name}, {title}", top, row, p) for title, p, top in views)


def _fine_tuned(name, row, tops):
    """A row of the RubiksNet paper's Table 3: its columns are UCF-101 and HMDB-51."""
    datasets = zip(("ucf101", "hmdb51"), ("UCF-101", "HMDB-51"), tops, strict=True)
    return tuple(
        AccuracyRow("R3", f"{name}, {title}", top1, row.format(dataset), ACCURACY)
        for dataset, title, top1 in datasets
    )


def _learned(size, tops):
    """The rows of the RubiksNet paper's Table 4 for a size: shifts in space, shifts in time."""
    kinds = [(space, time) for space in ("learned", "fixed") for time in ("learned", "fixed")]
    return tuple(
        AccuracyRow(
            "R4",
            f"{size.title()}, space {space}, time {time}",
            top1,
            f"rubiksnet_studies:table4_{size}_{space}_{time}",
        )
        for (space, time), top1 in zip(kinds, tops, strict=True)
    )


SHARES = {f"{share} %": share for share in ("12.5", "25", "50", "75", "100")}
BRANCHES = {f"branch {i}": f"branch{i}" for i in range(1, 5)} | {"all branches": "all"}
PLACES = {f"after {conv}": conv for conv in ("conv1", "conv2", "conv3")} | {"after all conv": "all"}
GATES = {name.upper(): name for name in ("gsf", "gsm", "tsm", "tdn", "tsn")}
BNI_MODULES = {"BNInception (baseline)": 0} | {f"BNInception + {n} GSF": n for n in (1, 5, 10)}
R50_MODULES = {"ResNet-50 (baseline)": 0} | {f"ResNet-50 + {n} GSF": n for n in (4, 8, 16)}

ROWS = (
    *_study("1", BRANCHES, (47.92, 47.97, 48.05, 48.44, 46.55)),
    *_study("2", SHARES, (45.62, 47.09, 47.65, 48.14, 48.44)),
    *_study("3", PLACES, (46.95, 47.15, 47.63, 46.26)),
    *_study("4", SHARES, (49.17, 50.17, 50.08, 49.63, 47.63)),
    *_study("5", GATES, (48.44, 47.24, 45.57, 45.89, 17.25)),
    *_study("6", BNI_MODULES, (17.25, 31.9, 45.24, 48.44)),
    *_study("7", R50_MODULES, (17.22, 45.97, 48.54, 50.17)),
    #
    *_something("TSN BN-Inception, 16 frames", "controls:tsn_bninception_{}_16f", (17.44, 32.71)),
    *_something("TSM ResNet-50, 16 frames", "controls:tsm_resnet50_{}_16f", (47.3, 61.2)),
    *_something("RubiksNet, 8 frames", "rubiksnet:large_{}_8f", (46.4, 59.0)),
    *_something("MSNet ResNet-50, 8 frames", "controls:tsm_resnet50_ms_{}_8f", (50.9, 63.0)),
    *_something("MSNet ResNet-50, 16 frames", "controls:tsm_resnet50_ms_{}_16f", (52.1, 64.7)),
    *_something("GST ResNet-50, 16 frames", "controls:gst_resnet50_{}_16f", (48.6, 62.6)),
    *_gsf("BNInception", "bninception", 8, (48.44, 61.29), (50.17, 62.76)),
    *_gsf("ResNet-50", "resnet50", 8, (50.17, 62.19), (51.53, 64.01)),
    *_gsf("InceptionV3", "inceptionv3", 8, (51.52, 62.83), (52.53, 64.59)),
    *_gsf("BNInception", "bninception", 16, (50.63, 63.4), (51.51, 64.57)),
    *_gsf("ResNet-50", "resnet50", 16, (51.54, 63.97), (52.33, 65.23)),
    *_gsf("InceptionV3", "inceptionv3", 16, (53.13, 64.48), (54.09, 65.6)),
    *_gsf("ResNet-50+MS", "resnet50_ms", 16, (52.7, 64.54), (54.04, 65.73)),
    #
    AccuracyRow("9", "TSM ResNet-50", 74.1, "controls:tsm_resnet50_kinetics400_8f", KINETICS),
    AccuracyRow("9", "GSF ResNet-50", 74.81, "gsf:resnet50_kinetics400_16f", KINETICS),
    AccuracyRow("9", "GSF InceptionV3", 75.57, "gsf:inceptionv3_kinetics400_16f", KINETICS),
    #
    AccuracyRow("10", "TSN ResNet-50", 33.19, "controls:tsn_resnet50_epic100_8f", ACCURACY),
    AccuracyRow("10", "TSM ResNet-50", 38.27, "controls:tsm_resnet50_epic100_8f", ACCURACY),
    AccuracyRow("10", "GSF InceptionV3", 43.42, "gsf:inceptionv3_epic100_16f", ACCURACY),
    AccuracyRow("10", "GSF ResNet-50", 44.04, "gsf:resnet50_epic100_16f", ACCURACY),
    AccuracyRow("10", "GSF ResNet-101", 44.78, "gsf:resnet101_epic100_16f", ACCURACY),
    #
    AccuracyRow("11", "GST", 78.9, "controls:gst_resnet50_diving48_16f", ACCURACY),
    AccuracyRow("11", "GSF", 90.51, "gsf:inceptionv3_diving48_16f", ACCURACY),
    #
    AccuracyRow("12", "TSM", 45.6, "controls:tsm_resnet50_ssv1_8f"),
    AccuracyRow("12", "GST", 47.0, "controls:gst_resnet50_ssv1_8f"),
    AccuracyRow("12", "RubiksNet", 46.4, "rubiksnet:large_ssv1_8f"),
    AccuracyRow("12", "GSF", 50.17, "gsf:resnet50_ssv1_8f"),
    #
    *_clips("TSN Large", "controls:tsn_resnet50_ssv2_8f", (30.0, 30.4)),
    *_clips("TSM Large", "controls:tsm_resnet50_ssv2_8f", (58.8, 61.3)),
    *_clips("TSM Medium", "controls:tsm_resnet34_ssv2_8f", (56.9, 59.3)),
    *_clips("TSM Small", "controls:tsm_resnet18_ssv2_8f", (49.3, 51.3)),
    *_clips("RubiksNet Large", "rubiksnet:large_ssv2_8f", (59.0, 61.7)),
    *_clips("RubiksNet Medium", "rubiksnet:medium_ssv2_8f", (58.3, 60.8)),
    *_clips("RubiksNet Small", "rubiksnet:small_ssv2_8f", (57.5, 59.8)),
    *_clips("RubiksNet Tiny", "rubiksnet:tiny_ssv2_8f", (54.6, 56.7)),
    #
    AccuracyRow("R2", "TSN", 19.5, "controls:tsn_bninception_ssv1_8f"),
    AccuracyRow("R2", "TSM", 45.6, "controls:tsm_resnet50_ssv1_8f"),
    AccuracyRow("R2", "RubiksNet", 46.4, "rubiksnet:large_ssv1_8f"),
    #
    *_fine_tuned("TSN Large", "controls:tsn_resnet50_{}_8f", (91.7, 64.7)),
    *_fine_tuned("TSM Large", "controls:tsm_resnet50_{}_8f", (95.2, 73.5)),
    *_fine_tuned("RubiksNet Large", "rubiksnet:large_{}_8f", (95.5, 74.6)),
    #
    *_learned("large", (71.4, 69.5, 70.0, 68.3)),
    *_learned("small", (69.5, 67.8, 67.5, 65.7)),
    #
    AccuracyRow("R5", "RS", 61.7, "rubiksnet_studies:table5_interpolated", ACCURACY),
    AccuracyRow("R5", "RS-Q", 58.2, "rubiksnet_studies:table5_quantized", ACCURACY),
    AccuracyRow("R5", "RS-AQ", 61.6, "rubiksnet_studies:table5_attention", ACCURACY),
)

OTHERS = {
    "8": "MultiScale TRN, MFNet, S3D-G, TrajectoryNet, ABM, STM, bLVNet-TAM, CorrNet, TPN, TEA, "
    "MVFNet, CT-Net, I3D, Non-local, GCN + Non-local, Martinez et al., MoViNet",
    "9": "bLVNet-TAM, STM, Martinez et al., TEA, MFNet, MVFNet, CT-Net, I3D, ip-CSN, TPN, "
    "SlowFast, X3D, MoViNet",
    "10": "TRN, SlowFast, MoViNet",
    "11": "I3D, S3D, SlowFast, TimeSformer, TQN",
    "R1": "TRN, bLVNet-TAM",
    "R2": "I3D, Non-local I3D + GCN, S3D, bLVNet-TAM, TRN, ECO",
}
