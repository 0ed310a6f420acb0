"""RubiksNet-Large-AQ (attention shifts) on Something-Something V1, 8 frames; `:16` for 16.

Command:

    python -m trainers.train --config=configs/rubiksnet_large_aq_ssv1.py \\
        --workdir=runs/rubiksnet_large_aq_ssv1

Expected: unknown, the paper has no such row.

Starts from the run of configs/rubiksnet_large_imagenet.py in runs/rubiksnet_large_imagenet,
inflated. Budget 0.125, as in Table 5.

Cost: not measured here.
"""

from configs.recipes.rubiksnet import rubiksnet_experiment


def get_config(num_segments=8):
    return rubiksnet_experiment(
        "rubiksnet_large_aq",
        "ssv1",
        num_segments,
        init="rubiksnet_large_imagenet",
        shift_budget=0.125,
    )
