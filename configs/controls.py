"""The controls of both papers: TSN, TSM and GSM, which their tables compare with.

Command, with the name of a row after the colon, and again in the name of the workdir:

    gsf-tf train --config=controls:tsm_resnet50_ssv1_8f --workdir=runs/controls_tsm_resnet50_ssv1_8f

The name of a row is METHOD_BACKBONE_DATASET_FRAMESf. `ROWS` lists the papers' numbers of frames
with the top-1 in percent that they print, by protocol: efficiency is 1 clip x 1 crop, accuracy
2 x 3. Any other positive number of frames works too, without a result to compare with.

TSN has the recipe of GSF, TSM and GSM have the optimizer groups of their authors. Training starts
from ImageNet weights (docs/experiments.md).

None of the rows was trained here, so their cost is not measured.
"""

from gsf_tf.recipes.gsf import gsf_experiment
from gsf_tf.recipes.paper_row import PaperRow
from gsf_tf.recipes.rows import find_experiment
from gsf_tf.recipes.shift_modules import gsm_experiment, tsm_experiment

GSF_5, GSF_6 = "GSF paper, Table 5", "GSF paper, Table 6"
GSF_7, GSF_8 = "GSF paper, Table 7", "GSF paper, Table 8"
GSF_12, RUBIKSNET_1 = "GSF paper, Table 12", "RubiksNet paper, Table 1"
GSM_RECIPE = "the paper's row has GSF's recipe: `gsf_studies:table5_gsm`"
TSM_KINETICS = "74.1 in the GSF paper, Table 9, which says neither frames nor views"

ROWS = {
    "tsn_bninception_ssv1_8f": PaperRow(GSF_6, efficiency=17.25),
    "tsn_bninception_ssv1_16f": PaperRow(GSF_8, efficiency=17.44, note="the paper's text: 17.52"),
    "tsn_resnet50_ssv1_8f": PaperRow(GSF_7, efficiency=17.22),
    "tsn_bninception_ssv2_16f": PaperRow(GSF_8, efficiency=32.71),
    "tsn_resnet50_ssv2_8f": PaperRow(RUBIKSNET_1, efficiency=30.0, accuracy=30.4),
    #
    "tsm_resnet50_ssv1_8f": PaperRow(GSF_12, efficiency=45.6, note="also RubiksNet paper, Table 2"),
    "tsm_resnet50_ssv1_16f": PaperRow(GSF_8, efficiency=47.3),
    "tsm_resnet50_ssv2_8f": PaperRow(RUBIKSNET_1, efficiency=58.8, accuracy=61.3),
    "tsm_resnet50_ssv2_16f": PaperRow(GSF_8, efficiency=61.2),
    "tsm_resnet50_kinetics400_8f": PaperRow(note=TSM_KINETICS),
    #
    "gsm_bninception_ssv1_8f": PaperRow(GSF_5, efficiency=47.24, note=GSM_RECIPE),
}
RECIPES = {"tsn": gsf_experiment, "tsm": tsm_experiment, "gsm": gsm_experiment}


def get_config(row=""):
    experiment, frames, paper = find_experiment(row, ROWS)
    preset, dataset = experiment.rsplit("_", 1)
    return RECIPES[preset.split("_")[0]](preset, dataset, frames, paper=paper)
