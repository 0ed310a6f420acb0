"""GSF with InceptionV3 on Kinetics-400, 16 frames; `:8` for 8.

Command:

    python -m trainers.train --config=configs/gsf_inceptionv3_kinetics400.py \\
        --workdir=runs/gsf_inceptionv3_kinetics400

Expected:

| frames | clips x crops | top-1 | row |
|---|---|---|---|
| 16 | 10 x 3 | 75.57 % | GSF paper, Table 9 |

Cost: not measured here.
"""

from configs.recipes.gsf import gsf_experiment

PAPER = {
    16: ("GSF paper, Table 9", 75.57, "kinetics"),
}


def get_config(num_segments=16):
    return gsf_experiment("gsf_inceptionv3", "kinetics400", num_segments, paper=PAPER)
