"""GSF with BN-Inception on Something-Something V1, 8 frames; `:16` for 16.

Command:

    python -m trainers.train --config=configs/gsf_bninception_ssv1.py \\
        --workdir=runs/gsf_bninception_ssv1

Expected:

| frames | clips x crops | top-1 | row |
|---|---|---|---|
| 8 | 1 x 1 | 48.44 % | GSF paper, Table 8 |
| 8 | 2 x 3 | 50.17 % | GSF paper, Table 8 |
| 16 | 1 x 1 | 50.63 % | GSF paper, Table 8 |
| 16 | 2 x 3 | 51.51 % | GSF paper, Table 8 |

Cost: not measured here.
"""

from configs.recipes.gsf import gsf_experiment

PAPER = {
    8: ("GSF paper, Table 8", 48.44, "efficiency"),
    16: ("GSF paper, Table 8", 50.63, "efficiency"),
}


def get_config(num_segments=8):
    return gsf_experiment("gsf_bninception", "ssv1", num_segments, paper=PAPER)
