"""The controls of both papers: TSN, TSM, GSM and GST, which their tables compare with.

Command, with the name of a row after the colon, and again in the name of the workdir:

    gsf-tf train --config=controls:tsm_resnet50_ssv1_8f --workdir=runs/controls_tsm_resnet50_ssv1_8f

The name of a row is METHOD_BACKBONE_DATASET_FRAMESf. `ROWS` lists the papers' numbers of frames
with the top-1 in percent that they print, by protocol: efficiency is 1 clip x 1 crop, accuracy
2 x 3. Any other positive number of frames works too, without a result to compare with.

`tsm_resnet50_ms` is MotionSqueeze's network (MSNet). TSN has the recipe of GSF; the others have the
optimizer groups of their authors. Training starts from ImageNet weights (docs/experiments.md), on
UCF-101 and HMDB-51 from the run of the row on Kinetics; these two are split 1, and
--config.data.records names the records of another split.

None of the rows was trained here, so their cost is not measured.
"""

from gsf_tf.models.preset_names import split_preset
from gsf_tf.recipes.gsf import gsf_experiment
from gsf_tf.recipes.paper_row import NOT_IN_PAPER, PaperRow
from gsf_tf.recipes.rows import find_experiment
from gsf_tf.recipes.shift_modules import gsm_experiment, gst_experiment, tsm_experiment

GSF_5, GSF_6 = "GSF paper, Table 5", "GSF paper, Table 6"
GSF_7, GSF_8 = "GSF paper, Table 7", "GSF paper, Table 8"
GSF_9, GSF_10 = "GSF paper, Table 9", "GSF paper, Table 10"
GSF_11, GSF_12 = "GSF paper, Table 11", "GSF paper, Table 12"
RUBIKSNET_1, RUBIKSNET_3 = "RubiksNet paper, Table 1", "RubiksNet paper, Table 3"
GSM_RECIPE = "the paper's row has GSF's recipe: `gsf_studies:table5_gsm`"
GST_CODE = "not a row of either paper; its authors' code states the top-1 {} (1 x 1)"
UNKNOWN = "the paper says neither frames nor views, {} frames and {} are assumed"
TWO_STREAMS = "the paper quotes a result of RGB and optical flow together, here is RGB alone"
STAGE = PaperRow(note="pretraining for UCF-101 and HMDB-51 (RubiksNet paper, section 4.1)")
RUBIKSNET_2 = "RubiksNet paper, Table 2"

ROWS = {
    "tsn_bninception_ssv1_8f": PaperRow(
        GSF_6, efficiency=17.25, also=(PaperRow(RUBIKSNET_2, efficiency=19.5),)
    ),
    "tsn_bninception_ssv1_16f": PaperRow(GSF_8, efficiency=17.44, note="the paper's text: 17.52"),
    "tsn_resnet50_ssv1_8f": PaperRow(GSF_7, efficiency=17.22),
    "tsn_bninception_ssv2_16f": PaperRow(GSF_8, efficiency=32.71),
    "tsn_resnet50_ssv2_8f": PaperRow(RUBIKSNET_1, efficiency=30.0, accuracy=30.4),
    "tsn_resnet34_ssv2_8f": NOT_IN_PAPER,
    "tsn_resnet18_ssv2_8f": NOT_IN_PAPER,
    "tsn_resnet50_kinetics400_8f": STAGE,
    "tsn_resnet50_ucf101_8f": PaperRow(RUBIKSNET_3, accuracy=91.7),
    "tsn_resnet50_hmdb51_8f": PaperRow(RUBIKSNET_3, accuracy=64.7),
    "tsn_resnet50_epic100_8f": PaperRow(
        GSF_10, accuracy=33.19, tasks={"verb": 60.18, "noun": 46.03}, note=TWO_STREAMS
    ),
    #
    "tsm_resnet50_ssv1_8f": PaperRow(
        GSF_12, efficiency=45.6, also=(PaperRow(RUBIKSNET_2, efficiency=45.6),)
    ),
    "tsm_resnet50_ssv1_16f": PaperRow(GSF_8, efficiency=47.3),
    "tsm_resnet50_ssv2_8f": PaperRow(RUBIKSNET_1, efficiency=58.8, accuracy=61.3),
    "tsm_resnet50_ssv2_16f": PaperRow(GSF_8, efficiency=61.2),
    "tsm_resnet50_ms_ssv1_8f": PaperRow(GSF_8, efficiency=50.9),
    "tsm_resnet50_ms_ssv1_16f": PaperRow(GSF_8, efficiency=52.1),
    "tsm_resnet50_ms_ssv2_8f": PaperRow(GSF_8, efficiency=63.0),
    "tsm_resnet50_ms_ssv2_16f": PaperRow(GSF_8, efficiency=64.7),
    "tsm_resnet34_ssv2_8f": PaperRow(RUBIKSNET_1, efficiency=56.9, accuracy=59.3),
    "tsm_resnet18_ssv2_8f": PaperRow(RUBIKSNET_1, efficiency=49.3, accuracy=51.3),
    "tsm_resnet50_kinetics400_8f": PaperRow(GSF_9, kinetics=74.1, note=UNKNOWN.format(8, "10 x 3")),
    "tsm_resnet50_ucf101_8f": PaperRow(RUBIKSNET_3, accuracy=95.2),
    "tsm_resnet50_hmdb51_8f": PaperRow(RUBIKSNET_3, accuracy=73.5),
    "tsm_resnet50_epic100_8f": PaperRow(
        GSF_10, accuracy=38.27, tasks={"verb": 67.86, "noun": 49.01}, note=TWO_STREAMS
    ),
    #
    "gsm_bninception_ssv1_8f": PaperRow(GSF_5, efficiency=47.24, note=GSM_RECIPE),
    #
    "gst_resnet50_ssv1_8f": PaperRow(GSF_12, efficiency=47.0),
    "gst_resnet50_ssv1_16f": PaperRow(GSF_8, efficiency=48.6),
    "gst_resnet50_ssv2_8f": PaperRow(note=GST_CODE.format("61.6")),
    "gst_resnet50_ssv2_16f": PaperRow(GSF_8, efficiency=62.6),
    "gst_resnet50_diving48_16f": PaperRow(GSF_11, accuracy=78.9, note=UNKNOWN.format(16, "2 x 3")),
    "gst_large_resnet50_ssv1_8f": PaperRow(note=GST_CODE.format("47.7")),
    "gst_large_resnet50_ssv2_8f": PaperRow(note=GST_CODE.format("62.0")),
}
RECIPES = {
    "tsn": gsf_experiment,
    "tsm": tsm_experiment,
    "gsm": gsm_experiment,
    "gst": gst_experiment,
    "gst_large": gst_experiment,
}


# RubiksNet paper, section 4.1: Kinetics first. The run has 8 frames, whatever the row has.
AFTER_KINETICS = ("ucf101", "hmdb51")


def get_config(row=""):
    experiment, frames, paper = find_experiment(row, ROWS)
    preset, dataset = experiment.rsplit("_", 1)
    recipe = RECIPES[split_preset(preset)[0]]
    if dataset in AFTER_KINETICS:
        init = f"controls_{preset}_kinetics400_8f"
        return recipe(preset, dataset, frames, init=init, paper=paper)
    return recipe(preset, dataset, frames, paper=paper)
