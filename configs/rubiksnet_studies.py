"""The studies of the RubiksNet paper: Table 4 on HMDB-51, Table 5 on Something-Something V2.

Command, with the name of a row after the colon:

    gsf-tf train --config=rubiksnet_studies:table5_quantized \\
        --workdir=runs/rubiksnet_studies_table5_quantized

The columns of `ROWS` are the preset, the arguments of the model that the row sets, and the paper's
top-1 in percent. Table 5 has 2 x 3 views (its first row is that of Table 1). Table 4 does not say
the views; 1 x 1 is assumed. In its rows the first word is space and the second is time. Fixed
shifts are ShiftNet's groups and TSM's folds; learned time is attention with a budget of 0.25
(section 4.3). All rows have 8 frames.

Table 4 starts from the runs of `rubiksnet:TIER_kinetics400_8f`, Table 5 from the run of
`rubiksnet:large_imagenet`; their workdirs must be `runs/rubiksnet_ROW`. A model with fixed shifts
does not take over the learned shifts of these runs. Better weights for it come from stages that
were trained with the same `--config.model.spatial_shift=fixed` or
`--config.model.temporal_shift=fixed`, in workdirs of their own that `--config.init` names.

None of the rows was trained here, so their cost is not measured.
"""

from gsf_tf.recipes.paper_row import PaperRow
from gsf_tf.recipes.rows import find_row
from gsf_tf.recipes.rubiksnet import rubiksnet_experiment

LEARNED_TIME = {"shift_budget": 0.25}
FIXED_TIME = {"temporal_shift": "fixed"}
FIXED_SPACE = {"spatial_shift": "fixed"}

ROWS = {
    "table4_large_learned_learned": ("rubiksnet_large_aq", LEARNED_TIME, 71.4),
    "table4_large_learned_fixed": ("rubiksnet_large", FIXED_TIME, 69.5),
    "table4_large_fixed_learned": ("rubiksnet_large_aq", FIXED_SPACE | LEARNED_TIME, 70.0),
    "table4_large_fixed_fixed": ("rubiksnet_large", FIXED_SPACE | FIXED_TIME, 68.3),
    "table4_small_learned_learned": ("rubiksnet_small_aq", LEARNED_TIME, 69.5),
    "table4_small_learned_fixed": ("rubiksnet_small", FIXED_TIME, 67.8),
    "table4_small_fixed_learned": ("rubiksnet_small_aq", FIXED_SPACE | LEARNED_TIME, 67.5),
    "table4_small_fixed_fixed": ("rubiksnet_small", FIXED_SPACE | FIXED_TIME, 65.7),
    "table5_interpolated": ("rubiksnet_large", {"shift_mode": "interpolated"}, 61.7),
    "table5_quantized": ("rubiksnet_large", {"shift_mode": "quantized"}, 58.2),
    "table5_attention": ("rubiksnet_large_aq", {"shift_budget": 0.125}, 61.6),
}


def get_config(row=""):
    preset, arguments, top1 = find_row(row, ROWS)
    if row.startswith("table4"):
        paper = PaperRow("RubiksNet paper, Table 4", efficiency=top1)
        dataset, init = "hmdb51", f"{preset}_kinetics400_8f"
    else:
        paper = PaperRow("RubiksNet paper, Table 5", accuracy=top1)
        dataset, init = "ssv2", "rubiksnet_large_imagenet"
    config = rubiksnet_experiment(preset, dataset, 8, init=init, paper=paper)
    config.model.update(arguments)
    return config
