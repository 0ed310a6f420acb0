"""GSF with InceptionV3 on Something-Something V2, 8 frames; `:16` for 16.

Command:

    python -m trainers.train --config=configs/gsf_inceptionv3_ssv2.py \\
        --workdir=runs/gsf_inceptionv3_ssv2

Expected:

| frames | clips x crops | top-1 | row |
|---|---|---|---|
| 8 | 1 x 1 | 62.83 % | GSF paper, Table 8 |
| 8 | 2 x 3 | 64.59 % | GSF paper, Table 8 |
| 16 | 1 x 1 | 64.48 % | GSF paper, Table 8 |
| 16 | 2 x 3 | 65.6 % | GSF paper, Table 8 |

Cost: not measured here.
"""

from configs.recipes.gsf import gsf_experiment

PAPER = {
    8: ("GSF paper, Table 8", 62.83, "efficiency"),
    16: ("GSF paper, Table 8", 64.48, "efficiency"),
}


def get_config(num_segments=8):
    return gsf_experiment("gsf_inceptionv3", "ssv2", num_segments, paper=PAPER)
