"""RubiksNet-Tiny on Something-Something V2, 8 frames; `:16` for 16.

Command:

    python -m trainers.train --config=configs/rubiksnet_tiny_ssv2.py \\
        --workdir=runs/rubiksnet_tiny_ssv2

Expected:

| frames | clips x crops | top-1 | row |
|---|---|---|---|
| 8 | 1 x 1 | 54.6 % | RubiksNet paper, Table 1 |
| 8 | 2 x 3 | 56.7 % | RubiksNet paper, Table 1 |

Starts from the run of configs/rubiksnet_tiny_imagenet.py in runs/rubiksnet_tiny_imagenet,
inflated.

Cost: not measured here.
"""

from configs.recipes.rubiksnet import rubiksnet_experiment

PAPER = {
    8: ("RubiksNet paper, Table 1", 54.6, "efficiency"),
}


def get_config(num_segments=8):
    return rubiksnet_experiment(
        "rubiksnet_tiny", "ssv2", num_segments, init="rubiksnet_tiny_imagenet", paper=PAPER
    )
