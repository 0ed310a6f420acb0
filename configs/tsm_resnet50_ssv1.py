"""TSM with ResNet-50 on Something-Something V1, 8 frames; `:16` for 16.

Command:

    python -m trainers.train --config=configs/tsm_resnet50_ssv1.py --workdir=runs/tsm_resnet50_ssv1

Expected:

| frames | clips x crops | top-1 | row |
|---|---|---|---|
| 8 | 1 x 1 | 45.6 % | GSF paper, Table 12; RubiksNet paper, Table 2 |
| 16 | 1 x 1 | 47.3 % | GSF paper, Table 8 |

Cost: not measured here.
"""

from configs.recipes.shift_modules import tsm_experiment

PAPER = {
    8: ("GSF paper, Table 12", 45.6, "efficiency"),
    16: ("GSF paper, Table 8", 47.3, "efficiency"),
}


def get_config(num_segments=8):
    return tsm_experiment("tsm_resnet50", "ssv1", num_segments, paper=PAPER)
