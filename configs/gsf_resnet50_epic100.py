"""GSF with ResNet-50 on EPIC-Kitchens-100, 16 frames; `:8` for 8.

Command:

    python -m trainers.train --config=configs/gsf_resnet50_epic100.py \\
        --workdir=runs/gsf_resnet50_epic100

Expected: action 44.04 %, verb 68.76 %, noun 52.74 % (GSF paper, Table 10; 16 frames, 2 x 3 views).

Starts from the run of configs/gsf_resnet50_kinetics400.py in runs/gsf_resnet50_kinetics400 (the
paper: from Kinetics); the linear layers, one per task, are new.

Cost: not measured here.
"""

from configs.recipes.gsf import gsf_experiment

PAPER = {
    16: ("GSF paper, Table 10", 44.04, "accuracy"),
}


def get_config(num_segments=16):
    return gsf_experiment(
        "gsf_resnet50", "epic100", num_segments, init="gsf_resnet50_kinetics400", paper=PAPER
    )
