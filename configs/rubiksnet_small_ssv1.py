"""RubiksNet-Small on Something-Something V1, 8 frames; `:16` for 16.

Command:

    python -m trainers.train --config=configs/rubiksnet_small_ssv1.py \\
        --workdir=runs/rubiksnet_small_ssv1

Expected: unknown, the paper has no such row.

Starts from the run of configs/rubiksnet_small_imagenet.py in runs/rubiksnet_small_imagenet,
inflated.

Cost: not measured here.
"""

from configs.recipes.rubiksnet import rubiksnet_experiment


def get_config(num_segments=8):
    return rubiksnet_experiment(
        "rubiksnet_small", "ssv1", num_segments, init="rubiksnet_small_imagenet"
    )
