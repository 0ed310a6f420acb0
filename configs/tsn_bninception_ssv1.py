"""TSN with BN-Inception on Something-Something V1, 8 frames; `:16` for 16.

Command:

    python -m trainers.train --config=configs/tsn_bninception_ssv1.py \\
        --workdir=runs/tsn_bninception_ssv1

Expected:

| frames | clips x crops | top-1 | row |
|---|---|---|---|
| 8 | 1 x 1 | 17.25 % | GSF paper, Table 6 |
| 16 | 1 x 1 | 17.44 % | GSF paper, Table 8 (its text: 17.52 %) |

The recipe of GSF, without GSF.

Cost: not measured here.
"""

from configs.recipes.gsf import gsf_experiment

PAPER = {
    8: ("GSF paper, Table 6", 17.25, "efficiency"),
    16: ("GSF paper, Table 8", 17.44, "efficiency"),
}


def get_config(num_segments=8):
    return gsf_experiment("tsn_bninception", "ssv1", num_segments, paper=PAPER)
