"""RubiksNet-Large-AQ (attention shifts) on UCF-101, split 1, 8 frames; `:16` for 16.

Command:

    python -m trainers.train --config=configs/rubiksnet_large_aq_ucf101.py \\
        --workdir=runs/rubiksnet_large_aq_ucf101

Expected: unknown, the paper has no such row.

Starts from the run of configs/rubiksnet_large_aq_kinetics400.py in
runs/rubiksnet_large_aq_kinetics400; the linear layer is new. Budget 0.125, as in Table 5.

Cost: not measured here.
"""

from configs.recipes.rubiksnet import rubiksnet_experiment


def get_config(num_segments=8):
    return rubiksnet_experiment(
        "rubiksnet_large_aq",
        "ucf101",
        num_segments,
        init="rubiksnet_large_aq_kinetics400",
        shift_budget=0.125,
    )
