"""RubiksNet-Small on UCF-101, split 1, 8 frames; `:16` for 16.

Command:

    python -m trainers.train --config=configs/rubiksnet_small_ucf101.py \\
        --workdir=runs/rubiksnet_small_ucf101

Expected: unknown, the paper has no such row.

Starts from the run of configs/rubiksnet_small_kinetics400.py in runs/rubiksnet_small_kinetics400;
the linear layer is new.

Cost: not measured here.
"""

from configs.recipes.rubiksnet import rubiksnet_experiment


def get_config(num_segments=8):
    return rubiksnet_experiment(
        "rubiksnet_small", "ucf101", num_segments, init="rubiksnet_small_kinetics400"
    )
