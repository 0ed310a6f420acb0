"""RubiksNet-Large on UCF-101, split 1, 8 frames; `:16` for 16.

Command:

    python -m trainers.train --config=configs/rubiksnet_large_ucf101.py \\
        --workdir=runs/rubiksnet_large_ucf101

Expected:

| frames | clips x crops | top-1 | row |
|---|---|---|---|
| 8 | 2 x 3 | 95.5 % | RubiksNet paper, Table 3 |

Starts from the run of configs/rubiksnet_large_kinetics400.py in runs/rubiksnet_large_kinetics400;
the linear layer is new.

Cost: not measured here.
"""

from configs.recipes.rubiksnet import rubiksnet_experiment

PAPER = {
    8: ("RubiksNet paper, Table 3", 95.5, "accuracy"),
}


def get_config(num_segments=8):
    return rubiksnet_experiment(
        "rubiksnet_large", "ucf101", num_segments, init="rubiksnet_large_kinetics400", paper=PAPER
    )
