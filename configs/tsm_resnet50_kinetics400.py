"""TSM with ResNet-50 on Kinetics-400, 8 frames; `:16` for 16.

Command:

    python -m trainers.train --config=configs/tsm_resnet50_kinetics400.py \\
        --workdir=runs/tsm_resnet50_kinetics400

Expected: 74.1 % (GSF paper, Table 9, which does not say with how many frames and views).

Cost: not measured here.
"""

from configs.recipes.shift_modules import tsm_experiment


def get_config(num_segments=8):
    return tsm_experiment("tsm_resnet50", "kinetics400", num_segments)
