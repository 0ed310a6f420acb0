"""GSM with BN-Inception on Something-Something V1, 8 frames; `:16` for 16.

Command:

    python -m trainers.train --config=configs/gsm_bninception_ssv1.py \\
        --workdir=runs/gsm_bninception_ssv1

Expected:

| frames | clips x crops | top-1 | row |
|---|---|---|---|
| 8 | 1 x 1 | 47.24 % | GSF paper, Table 5 |

The paper's row is of GSF's recipe without fusion: configs/gsf_studies_ssv1.py:table5_gsm. Here are
the optimizer groups of GSM's authors.

Cost: not measured here.
"""

from configs.recipes.shift_modules import gsm_experiment

PAPER = {
    8: ("GSF paper, Table 5", 47.24, "efficiency"),
}


def get_config(num_segments=8):
    return gsm_experiment("gsm_bninception", "ssv1", num_segments, paper=PAPER)
