"""GSF with ResNet-101 on EPIC-Kitchens-100, 16 frames; `:8` for 8.

Command:

    python -m trainers.train --config=configs/gsf_resnet101_epic100.py \\
        --workdir=runs/gsf_resnet101_epic100

Expected: action 44.78 %, verb 69.97 %, noun 54.01 % (GSF paper, Table 10; 16 frames, 2 x 3 views).

Starts from ImageNet, as the paper says of this backbone. One linear layer per task.

Cost: not measured here.
"""

from configs.recipes.gsf import gsf_experiment

PAPER = {
    16: ("GSF paper, Table 10", 44.78, "accuracy"),
}


def get_config(num_segments=16):
    return gsf_experiment("gsf_resnet101", "epic100", num_segments, paper=PAPER)
