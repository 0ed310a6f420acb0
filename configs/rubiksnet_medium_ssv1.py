"""RubiksNet-Medium on Something-Something V1, 8 frames; `:16` for 16.

Command:

    python -m trainers.train --config=configs/rubiksnet_medium_ssv1.py \\
        --workdir=runs/rubiksnet_medium_ssv1

Expected: unknown, the paper has no such row.

Starts from the run of configs/rubiksnet_medium_imagenet.py in runs/rubiksnet_medium_imagenet,
inflated.

Cost: not measured here.
"""

from configs.recipes.rubiksnet import rubiksnet_experiment


def get_config(num_segments=8):
    return rubiksnet_experiment(
        "rubiksnet_medium", "ssv1", num_segments, init="rubiksnet_medium_imagenet"
    )
