"""GSF with InceptionV3 on Something-Something V1, 8 frames; `:16` for 16.

Command:

    python -m trainers.train --config=configs/gsf_inceptionv3_ssv1.py \\
        --workdir=runs/gsf_inceptionv3_ssv1

Expected:

| frames | clips x crops | top-1 | row |
|---|---|---|---|
| 8 | 1 x 1 | 51.52 % | GSF paper, Table 8 |
| 8 | 2 x 3 | 52.53 % | GSF paper, Table 8 |
| 16 | 1 x 1 | 53.13 % | GSF paper, Table 8 |
| 16 | 2 x 3 | 54.09 % | GSF paper, Table 8 |

Cost: not measured here.
"""

from configs.recipes.gsf import gsf_experiment

PAPER = {
    8: ("GSF paper, Table 8", 51.52, "efficiency"),
    16: ("GSF paper, Table 8", 53.13, "efficiency"),
}


def get_config(num_segments=8):
    return gsf_experiment("gsf_inceptionv3", "ssv1", num_segments, paper=PAPER)
