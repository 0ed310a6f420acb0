"""GSF with BN-Inception on EPIC-Kitchens-100, 16 frames; `:8` for 8.

Command:

    python -m trainers.train --config=configs/gsf_bninception_epic100.py \\
        --workdir=runs/gsf_bninception_epic100

Expected: unknown, the paper has no such row.

Starts from ImageNet. One linear layer per task.

Cost: not measured here.
"""

from configs.recipes.gsf import gsf_experiment


def get_config(num_segments=16):
    return gsf_experiment("gsf_bninception", "epic100", num_segments)
