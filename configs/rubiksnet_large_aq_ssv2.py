"""RubiksNet-Large-AQ (attention shifts) on Something-Something V2, 8 frames; `:16` for 16.

Command:

    python -m trainers.train --config=configs/rubiksnet_large_aq_ssv2.py \\
        --workdir=runs/rubiksnet_large_aq_ssv2

Expected:

| frames | clips x crops | top-1 | row |
|---|---|---|---|
| 8 | 2 x 3 | 61.6 % | RubiksNet paper, Table 5 |

Starts from the run of configs/rubiksnet_large_imagenet.py in runs/rubiksnet_large_imagenet,
inflated. Budget 0.125, as in Table 5.

Cost: not measured here.
"""

from configs.recipes.rubiksnet import rubiksnet_experiment

PAPER = {
    8: ("RubiksNet paper, Table 5", 61.6, "accuracy"),
}


def get_config(num_segments=8):
    return rubiksnet_experiment(
        "rubiksnet_large_aq",
        "ssv2",
        num_segments,
        init="rubiksnet_large_imagenet",
        shift_budget=0.125,
        paper=PAPER,
    )
