"""GSF with InceptionV3 on EPIC-Kitchens-100, 16 frames; `:8` for 8.

Command:

    python -m trainers.train --config=configs/gsf_inceptionv3_epic100.py \\
        --workdir=runs/gsf_inceptionv3_epic100

Expected: action 43.42 %, verb 68.35 %, noun 52.71 % (GSF paper, Table 10; 16 frames, 2 x 3 views).

Starts from the run of configs/gsf_inceptionv3_kinetics400.py in runs/gsf_inceptionv3_kinetics400
(the paper: from Kinetics); the linear layers, one per task, are new.

Cost: not measured here.
"""

from configs.recipes.gsf import gsf_experiment

PAPER = {
    16: ("GSF paper, Table 10", 43.42, "accuracy"),
}


def get_config(num_segments=16):
    return gsf_experiment(
        "gsf_inceptionv3", "epic100", num_segments, init="gsf_inceptionv3_kinetics400", paper=PAPER
    )
