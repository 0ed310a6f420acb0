"""RubiksNet-Small-AQ (attention shifts) on Kinetics-400, 8 frames; `:16` for 16.

Command:

    python -m trainers.train --config=configs/rubiksnet_small_aq_kinetics400.py \\
        --workdir=runs/rubiksnet_small_aq_kinetics400

The pretraining for rows of Table 4 (configs/rubiksnet_studies.py); the paper gives no figure.

Starts from the run of configs/rubiksnet_small_imagenet.py in runs/rubiksnet_small_imagenet,
inflated. Windows of 64 frames, as in TSM's code. Budget 0.25, as section 4.3 has it.

Cost: not measured here.
"""

from configs.recipes.rubiksnet import rubiksnet_experiment


def get_config(num_segments=8):
    return rubiksnet_experiment(
        "rubiksnet_small_aq",
        "kinetics400",
        num_segments,
        init="rubiksnet_small_imagenet",
        shift_budget=0.25,
        sampling="dense",
    )
