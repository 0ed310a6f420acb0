"""RubiksNet in its stages: ImageNet, Kinetics, then the datasets of its paper.

Command, with the name of a row after the colon, and again in the name of the workdir:

    gsf-tf train --config=rubiksnet:tiny_ssv2_8f --workdir=runs/rubiksnet_tiny_ssv2_8f

The name of a row is TIER_DATASET_FRAMESf; a tier in `_aq` has attention shifts. `ROWS` lists the
paper's number of frames with the top-1 in percent that the paper prints, by protocol: efficiency is
1 clip x 1 crop, accuracy 2 x 3. Any other positive number of frames works too, without a result to
compare with. Images are one frame and have no number: `tiny_imagenet`. UCF-101 and HMDB-51 are
split 1.

Each stage starts from the run of the stage before, whose workdir must be `runs/rubiksnet_ROW`:
Kinetics and Something-Something from ImageNet, inflated; UCF-101 and HMDB-51 from Kinetics with 8
frames and a new linear layer. docs/experiments.md has the commands.

None of the rows was trained here, so their cost is not measured.
"""

from gsf_tf.recipes.paper_row import NOT_IN_PAPER, PaperRow
from gsf_tf.recipes.rows import find_experiment
from gsf_tf.recipes.rubiksnet import rubiksnet_experiment, rubiksnet_on_images

TABLE_1 = "RubiksNet paper, Table 1"
TABLE_2 = "RubiksNet paper, Table 2"
TABLE_3 = "RubiksNet paper, Table 3"
TABLE_4 = "RubiksNet paper, Table 4"
TABLE_5 = "RubiksNet paper, Table 5"
GSF_8, GSF_12 = "GSF paper, Table 8", "GSF paper, Table 12"
STAGE = PaperRow(note="pretraining (section 4.1), without a result in the paper")
STAGE_TABLE_4 = PaperRow(note="pretraining for Table 4, without a result in the paper")
VIEWS_UNKNOWN = "the paper does not say the views, 1 x 1 is assumed"
SMALL_AQ = (
    "not a row of the paper; with attention: `rubiksnet_studies:table4_small_learned_learned`"
)

ROWS = {
    "tiny_imagenet": STAGE,
    "small_imagenet": STAGE,
    "medium_imagenet": STAGE,
    "large_imagenet": STAGE,
    #
    "tiny_kinetics400_8f": STAGE,
    "small_kinetics400_8f": STAGE,
    "medium_kinetics400_8f": STAGE,
    "large_kinetics400_8f": STAGE,
    "small_aq_kinetics400_8f": STAGE_TABLE_4,
    "large_aq_kinetics400_8f": STAGE,
    #
    "tiny_ssv1_8f": NOT_IN_PAPER,
    "small_ssv1_8f": NOT_IN_PAPER,
    "medium_ssv1_8f": NOT_IN_PAPER,
    "large_ssv1_8f": PaperRow(
        TABLE_2,
        efficiency=46.4,
        also=(PaperRow(GSF_8, efficiency=46.4), PaperRow(GSF_12, efficiency=46.4)),
    ),
    "large_aq_ssv1_8f": NOT_IN_PAPER,
    #
    "tiny_ssv2_8f": PaperRow(TABLE_1, efficiency=54.6, accuracy=56.7),
    "small_ssv2_8f": PaperRow(TABLE_1, efficiency=57.5, accuracy=59.8),
    "medium_ssv2_8f": PaperRow(TABLE_1, efficiency=58.3, accuracy=60.8),
    "large_ssv2_8f": PaperRow(
        TABLE_1, efficiency=59.0, accuracy=61.7, also=(PaperRow(GSF_8, efficiency=59.0),)
    ),
    "large_aq_ssv2_8f": PaperRow(TABLE_5, accuracy=61.6),
    #
    "tiny_ucf101_8f": NOT_IN_PAPER,
    "small_ucf101_8f": NOT_IN_PAPER,
    "medium_ucf101_8f": NOT_IN_PAPER,
    "large_ucf101_8f": PaperRow(TABLE_3, accuracy=95.5),
    "large_aq_ucf101_8f": NOT_IN_PAPER,
    #
    "tiny_hmdb51_8f": NOT_IN_PAPER,
    "small_hmdb51_8f": PaperRow(note=SMALL_AQ),
    "medium_hmdb51_8f": NOT_IN_PAPER,
    "large_hmdb51_8f": PaperRow(TABLE_3, accuracy=74.6),
    "large_aq_hmdb51_8f": PaperRow(TABLE_4, efficiency=71.4, note=VIEWS_UNKNOWN),
}
# Section 4.3 has 0.25 for Table 4. Elsewhere attention has the budget of Table 5.
BUDGETS = {"small_aq_kinetics400": 0.25, "large_aq_hmdb51": 0.25}
TABLE_5_BUDGET = 0.125


def get_config(row=""):
    experiment, frames, paper = find_experiment(row, ROWS)
    tier, dataset = experiment.rsplit("_", 1)
    if dataset == "imagenet":
        return rubiksnet_on_images(f"rubiksnet_{tier}")
    if dataset in ("ucf101", "hmdb51"):
        init = f"rubiksnet_{tier}_kinetics400_8f"
    else:
        init = f"rubiksnet_{tier.removesuffix('_aq')}_imagenet"
    budget = BUDGETS.get(experiment, TABLE_5_BUDGET) if tier.endswith("_aq") else None
    return rubiksnet_experiment(
        f"rubiksnet_{tier}",
        dataset,
        frames,
        init=init,
        shift_budget=budget,
        # Windows of 64 frames, as in TSM's code.
        sampling="dense" if dataset == "kinetics400" else "segments",
        paper=paper,
    )
