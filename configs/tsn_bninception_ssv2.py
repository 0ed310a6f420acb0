"""TSN with BN-Inception on Something-Something V2, 16 frames; `:8` for 8.

Command:

    python -m trainers.train --config=configs/tsn_bninception_ssv2.py \\
        --workdir=runs/tsn_bninception_ssv2

Expected:

| frames | clips x crops | top-1 | row |
|---|---|---|---|
| 16 | 1 x 1 | 32.71 % | GSF paper, Table 8 |

The recipe of GSF, without GSF.

Cost: not measured here.
"""

from configs.recipes.gsf import gsf_experiment

PAPER = {
    16: ("GSF paper, Table 8", 32.71, "efficiency"),
}


def get_config(num_segments=16):
    return gsf_experiment("tsn_bninception", "ssv2", num_segments, paper=PAPER)
