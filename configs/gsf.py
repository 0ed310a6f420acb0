"""GSF on the datasets of its paper: Something-Something, Kinetics, Diving48 and EPIC-Kitchens.

Command, with the name of a row after the colon, and again in the name of the workdir:

    gsf-tf train --config=gsf:resnet50_ssv2_16f --workdir=runs/gsf_resnet50_ssv2_16f

The name of a row is BACKBONE_DATASET_FRAMESf; `resnet50_ms` has MotionSqueeze. `ROWS` lists the
paper's numbers of frames with the top-1 in percent that the paper prints, by protocol: efficiency
is 1 clip x 1 crop, accuracy 2 x 3, kinetics 10 x 3. Any other positive number of frames works too,
without a result to compare with.

Training starts from ImageNet weights (docs/experiments.md), on EPIC-Kitchens of two backbones from
the run of a row on Kinetics, as in the paper.

None of the rows was trained here, so their cost is not measured.
"""

from gsf_tf.recipes.gsf import gsf_experiment
from gsf_tf.recipes.paper_row import NOT_IN_PAPER, PaperRow
from gsf_tf.recipes.rows import find_experiment

TABLE_8 = "GSF paper, Table 8"
TABLE_9 = "GSF paper, Table 9"
TABLE_10 = "GSF paper, Table 10"
TABLE_11 = "GSF paper, Table 11"
TABLE_12 = PaperRow("GSF paper, Table 12", efficiency=50.17)

ROWS = {
    "bninception_ssv1_8f": PaperRow(TABLE_8, efficiency=48.44, accuracy=50.17),
    "bninception_ssv1_16f": PaperRow(TABLE_8, efficiency=50.63, accuracy=51.51),
    "inceptionv3_ssv1_8f": PaperRow(TABLE_8, efficiency=51.52, accuracy=52.53),
    "inceptionv3_ssv1_16f": PaperRow(TABLE_8, efficiency=53.13, accuracy=54.09),
    "resnet50_ssv1_8f": PaperRow(TABLE_8, efficiency=50.17, accuracy=51.53, also=(TABLE_12,)),
    "resnet50_ssv1_16f": PaperRow(TABLE_8, efficiency=51.54, accuracy=52.33),
    "resnet50_ms_ssv1_8f": NOT_IN_PAPER,
    "resnet50_ms_ssv1_16f": PaperRow(TABLE_8, efficiency=52.7, accuracy=54.04),
    "resnet101_ssv1_8f": NOT_IN_PAPER,
    #
    "bninception_ssv2_8f": PaperRow(TABLE_8, efficiency=61.29, accuracy=62.76),
    "bninception_ssv2_16f": PaperRow(TABLE_8, efficiency=63.4, accuracy=64.57),
    "inceptionv3_ssv2_8f": PaperRow(TABLE_8, efficiency=62.83, accuracy=64.59),
    "inceptionv3_ssv2_16f": PaperRow(TABLE_8, efficiency=64.48, accuracy=65.6),
    "resnet50_ssv2_8f": PaperRow(TABLE_8, efficiency=62.19, accuracy=64.01),
    "resnet50_ssv2_16f": PaperRow(TABLE_8, efficiency=63.97, accuracy=65.23),
    "resnet50_ms_ssv2_8f": NOT_IN_PAPER,
    "resnet50_ms_ssv2_16f": PaperRow(TABLE_8, efficiency=64.54, accuracy=65.73),
    "resnet101_ssv2_8f": NOT_IN_PAPER,
    #
    "bninception_kinetics400_16f": NOT_IN_PAPER,
    "inceptionv3_kinetics400_16f": PaperRow(TABLE_9, kinetics=75.57),
    "resnet50_kinetics400_16f": PaperRow(TABLE_9, kinetics=74.81),
    "resnet101_kinetics400_16f": NOT_IN_PAPER,
    #
    "bninception_diving48_16f": NOT_IN_PAPER,
    "inceptionv3_diving48_16f": PaperRow(TABLE_11, accuracy=90.51),
    "resnet50_diving48_16f": NOT_IN_PAPER,
    "resnet101_diving48_16f": NOT_IN_PAPER,
    # One linear layer per task; top-1 is that of the action.
    "bninception_epic100_16f": NOT_IN_PAPER,
    "inceptionv3_epic100_16f": PaperRow(
        TABLE_10, accuracy=43.42, tasks={"verb": 68.35, "noun": 52.71}
    ),
    "resnet50_epic100_16f": PaperRow(
        TABLE_10, accuracy=44.04, tasks={"verb": 68.76, "noun": 52.74}
    ),
    "resnet101_epic100_16f": PaperRow(
        TABLE_10, accuracy=44.78, tasks={"verb": 69.97, "noun": 54.01}
    ),
}
# The paper says of ResNet-101 that it starts from ImageNet.
FROM_KINETICS = ("inceptionv3_epic100", "resnet50_epic100")


def get_config(row=""):
    experiment, frames, paper = find_experiment(row, ROWS)
    backbone, dataset = experiment.rsplit("_", 1)
    init = f"gsf_{backbone}_kinetics400_16f" if experiment in FROM_KINETICS else None
    return gsf_experiment(f"gsf_{backbone}", dataset, frames, init=init, paper=paper)
