"""GSF with ResNet-101 on Something-Something V2, 8 frames; `:16` for 16.

Command:

    python -m trainers.train --config=configs/gsf_resnet101_ssv2.py \\
        --workdir=runs/gsf_resnet101_ssv2

Expected: unknown, the paper has no such row.

Cost: not measured here.
"""

from configs.recipes.gsf import gsf_experiment


def get_config(num_segments=8):
    return gsf_experiment("gsf_resnet101", "ssv2", num_segments)
