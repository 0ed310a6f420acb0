"""The studies of the GSF paper on Something-Something V1: 8 frames, 1 clip, center crop.

Command, with the name of a row after the colon:

    gsf-tf train --config=gsf_studies:table5_tsm --workdir=runs/gsf_studies_table5_tsm

The columns of `ROWS` are the preset, the arguments of the model that the row changes, and the
paper's top-1 in percent. The recipe is that of `gsf:resnet50_ssv1_8f`.

None of the rows was trained here, so their cost is not measured.
"""

from gsf_tf.recipes.gsf import gsf_experiment
from gsf_tf.recipes.paper_row import PaperRow
from gsf_tf.recipes.rows import find_row

BNI, R50 = "gsf_bninception", "gsf_resnet50"

ROWS = {
    # Table 1: the branch with GSF. The paper does not say after which layer of branches 1 to 3.
    "table1_branch1": (BNI, {"placement": "branch1"}, 47.92),
    "table1_branch2": (BNI, {"placement": "branch2"}, 47.97),
    "table1_branch3": (BNI, {"placement": "branch3"}, 48.05),
    "table1_branch4": (BNI, {"placement": "branch4"}, 48.44),
    "table1_all": (BNI, {"placement": "all"}, 46.55),
    # Table 2: the percentage of the channels that GSF takes, BN-Inception.
    "table2_12.5": (BNI, {"channel_ratio": 0.125}, 45.62),
    "table2_25": (BNI, {"channel_ratio": 0.25}, 47.09),
    "table2_50": (BNI, {"channel_ratio": 0.5}, 47.65),
    "table2_75": (BNI, {"channel_ratio": 0.75}, 48.14),
    "table2_100": (BNI, {"channel_ratio": 1.0}, 48.44),
    # Table 3: the convolution that GSF follows, all channels, ResNet-50.
    "table3_conv1": (R50, {"placement": "conv1", "channel_ratio": 1.0}, 46.95),
    "table3_conv2": (R50, {"placement": "conv2", "channel_ratio": 1.0}, 47.15),
    "table3_conv3": (R50, {"placement": "conv3", "channel_ratio": 1.0}, 47.63),
    "table3_all": (R50, {"placement": "all", "channel_ratio": 1.0}, 46.26),
    # Table 4: the percentage of the channels that GSF takes, ResNet-50.
    "table4_12.5": (R50, {"channel_ratio": 0.125}, 49.17),
    "table4_25": (R50, {"channel_ratio": 0.25}, 50.17),
    "table4_50": (R50, {"channel_ratio": 0.5}, 50.08),
    "table4_75": (R50, {"channel_ratio": 0.75}, 49.63),
    "table4_100": (R50, {"channel_ratio": 1.0}, 47.63),
    # Table 5: other gates and fusions in GSF's place; the names are the paper's.
    "table5_gsf": (BNI, {}, 48.44),
    "table5_gsm": (BNI, {"temporal_options": {"fusion": "sum"}}, 47.24),
    "table5_tsm": (BNI, {"temporal_options": {"gate": 1, "fusion": "sum"}}, 45.57),
    "table5_tdn": (BNI, {"temporal_options": {"gate": -1, "fusion": "sum"}}, 45.89),
    "table5_tsn": (BNI, {"temporal_options": {"gate": 0, "fusion": "sum"}}, 17.25),
    # Tables 6 and 7: the number of GSF modules, counted from the end of the network.
    "table6_0": ("tsn_bninception", {}, 17.25),
    "table6_1": (BNI, {"last_blocks": 1}, 31.9),
    "table6_5": (BNI, {"last_blocks": 5}, 45.24),
    "table6_10": (BNI, {"last_blocks": 10}, 48.44),
    "table7_0": ("tsn_resnet50", {}, 17.22),
    "table7_4": (R50, {"last_blocks": 4}, 45.97),
    "table7_8": (R50, {"last_blocks": 8}, 48.54),
    "table7_16": (R50, {"last_blocks": 16}, 50.17),
}


def get_config(row=""):
    preset, arguments, top1 = find_row(row, ROWS)
    table = row.split("_")[0].removeprefix("table")
    paper = PaperRow(f"GSF paper, Table {table}", efficiency=top1)
    config = gsf_experiment(preset, "ssv1", 8, paper=paper)
    config.model.update(arguments)
    return config
