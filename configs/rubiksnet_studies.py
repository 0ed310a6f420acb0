"""The studies of the RubiksNet paper: Table 4 on HMDB-51, Table 5 on Something-Something V2.

Command, with the name of a row after the colon:

    python -m trainers.train --config=configs/rubiksnet_studies.py:table5_quantized \\
        --workdir=runs/table5_quantized

Expected: the last column of `ROWS`, top-1 in percent. Table 5 has the accuracy protocol (its first
row is that of Table 1); Table 4 does not say with how many views, here taken for one. In Table 4
the first word is space, the second time: fixed is ShiftNet's groups and TSM's folds, learned time
is attention with a budget of 0.25 (section 4.3).

Starts from the runs of configs/rubiksnet_*_kinetics400.py and configs/rubiksnet_large_imagenet.py
in runs/. What is fixed does not take their shifts; better weights for it come of stages that were
trained with the same `--config.model.spatial_shift=fixed` or `temporal_shift`, in workdirs of
their own, and `--config.init`.

Cost: not measured here.
"""

from configs.recipes.rubiksnet import rubiksnet_experiment
from gsf_tf.errors import UserError, did_you_mean

LEARNED_TIME = {"shift_budget": 0.25}
FIXED_TIME = {"temporal_shift": "fixed"}
FIXED_SPACE = {"spatial_shift": "fixed"}
IMAGES = "rubiksnet_large_imagenet"

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


def get_config(row="table5_attention"):
    if row not in ROWS:
        raise UserError(
            f"The text after the colon must be one of {', '.join(ROWS)}. Received: {row!r}."
            + did_you_mean(row, ROWS)
        )
    preset, arguments, top1 = ROWS[row]
    if row.startswith("table4"):
        dataset, init, protocol = "hmdb51", f"{preset}_kinetics400", "efficiency"
    else:
        dataset, init, protocol = "ssv2", IMAGES, "accuracy"
    paper = {8: (f"RubiksNet paper, Table {row[5]}", top1, protocol)}
    config = rubiksnet_experiment(preset, dataset, 8, init=init, paper=paper)
    config.model.update(arguments)
    return config
