"""RubiksNet-Tiny on Something-Something V1, 8 frames; `:16` for 16.

Command:

    python -m trainers.train --config=configs/rubiksnet_tiny_ssv1.py \\
        --workdir=runs/rubiksnet_tiny_ssv1

Expected: unknown, the paper has no such row.

Starts from the run of configs/rubiksnet_tiny_imagenet.py in runs/rubiksnet_tiny_imagenet,
inflated.

Cost: not measured here.
"""

from configs.recipes.rubiksnet import rubiksnet_experiment


def get_config(num_segments=8):
    return rubiksnet_experiment(
        "rubiksnet_tiny", "ssv1", num_segments, init="rubiksnet_tiny_imagenet"
    )
