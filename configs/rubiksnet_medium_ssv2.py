"""RubiksNet-Medium on Something-Something V2, 8 frames; `:16` for 16.

Command:

    python -m trainers.train --config=configs/rubiksnet_medium_ssv2.py \\
        --workdir=runs/rubiksnet_medium_ssv2

Expected:

| frames | clips x crops | top-1 | row |
|---|---|---|---|
| 8 | 1 x 1 | 58.3 % | RubiksNet paper, Table 1 |
| 8 | 2 x 3 | 60.8 % | RubiksNet paper, Table 1 |

Starts from the run of configs/rubiksnet_medium_imagenet.py in runs/rubiksnet_medium_imagenet,
inflated.

Cost: not measured here.
"""

from configs.recipes.rubiksnet import rubiksnet_experiment

PAPER = {
    8: ("RubiksNet paper, Table 1", 58.3, "efficiency"),
}


def get_config(num_segments=8):
    return rubiksnet_experiment(
        "rubiksnet_medium", "ssv2", num_segments, init="rubiksnet_medium_imagenet", paper=PAPER
    )
