"""RubiksNet-Small on Kinetics-400, 8 frames; `:16` for 16.

Command:

    python -m trainers.train --config=configs/rubiksnet_small_kinetics400.py \\
        --workdir=runs/rubiksnet_small_kinetics400

The pretraining for UCF-101 and HMDB-51 (section 4.1); the paper gives no figure.

Starts from the run of configs/rubiksnet_small_imagenet.py in runs/rubiksnet_small_imagenet,
inflated. Windows of 64 frames, as in TSM's code.

Cost: not measured here.
"""

from configs.recipes.rubiksnet import rubiksnet_experiment


def get_config(num_segments=8):
    return rubiksnet_experiment(
        "rubiksnet_small",
        "kinetics400",
        num_segments,
        init="rubiksnet_small_imagenet",
        sampling="dense",
    )
