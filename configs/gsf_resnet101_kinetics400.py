"""GSF with ResNet-101 on Kinetics-400, 16 frames; `:8` for 8.

Command:

    python -m trainers.train --config=configs/gsf_resnet101_kinetics400.py \\
        --workdir=runs/gsf_resnet101_kinetics400

Expected: unknown, the paper has no such row.

Cost: not measured here.
"""

from configs.recipes.gsf import gsf_experiment


def get_config(num_segments=16):
    return gsf_experiment("gsf_resnet101", "kinetics400", num_segments)
