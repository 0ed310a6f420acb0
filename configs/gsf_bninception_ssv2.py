"""GSF with BN-Inception on Something-Something V2, 8 frames; `:16` for 16.

Command:

    python -m trainers.train --config=configs/gsf_bninception_ssv2.py \\
        --workdir=runs/gsf_bninception_ssv2

Expected:

| frames | clips x crops | top-1 | row |
|---|---|---|---|
| 8 | 1 x 1 | 61.29 % | GSF paper, Table 8 |
| 8 | 2 x 3 | 62.76 % | GSF paper, Table 8 |
| 16 | 1 x 1 | 63.4 % | GSF paper, Table 8 |
| 16 | 2 x 3 | 64.57 % | GSF paper, Table 8 |

Cost: not measured here.
"""

from configs.recipes.gsf import gsf_experiment

PAPER = {
    8: ("GSF paper, Table 8", 61.29, "efficiency"),
    16: ("GSF paper, Table 8", 63.4, "efficiency"),
}


def get_config(num_segments=8):
    return gsf_experiment("gsf_bninception", "ssv2", num_segments, paper=PAPER)
