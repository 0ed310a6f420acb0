"""RubiksNet-Large on ImageNet: the spatial pretraining (section 4.1), one frame.

Command:

    python -m trainers.train --config=configs/rubiksnet_large_imagenet.py \\
        --workdir=runs/rubiksnet_large_imagenet

Expected: unknown, the paper gives no figure. Schedule and batch are not the paper's either
(configs/recipes/rubiksnet.py). docs/experiments.md says how the images become records.

Cost: not measured here.
"""

from configs.recipes.rubiksnet import rubiksnet_on_images


def get_config():
    return rubiksnet_on_images("rubiksnet_large")
