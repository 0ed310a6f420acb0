"""RubiksNet-Large on Something-Something V1, 8 frames; `:16` for 16.

Command:

    python -m trainers.train --config=configs/rubiksnet_large_ssv1.py \\
        --workdir=runs/rubiksnet_large_ssv1

Expected:

| frames | clips x crops | top-1 | row |
|---|---|---|---|
| 8 | 1 x 1 | 46.4 % | RubiksNet paper, Table 2 |

Starts from the run of configs/rubiksnet_large_imagenet.py in runs/rubiksnet_large_imagenet,
inflated.

Cost: not measured here.
"""

from configs.recipes.rubiksnet import rubiksnet_experiment

PAPER = {
    8: ("RubiksNet paper, Table 2", 46.4, "efficiency"),
}


def get_config(num_segments=8):
    return rubiksnet_experiment(
        "rubiksnet_large", "ssv1", num_segments, init="rubiksnet_large_imagenet", paper=PAPER
    )
