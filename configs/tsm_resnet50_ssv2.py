"""TSM with ResNet-50 on Something-Something V2, 8 frames; `:16` for 16.

Command:

    python -m trainers.train --config=configs/tsm_resnet50_ssv2.py --workdir=runs/tsm_resnet50_ssv2

Expected:

| frames | clips x crops | top-1 | row |
|---|---|---|---|
| 8 | 1 x 1 | 58.8 % | RubiksNet paper, Table 1 |
| 8 | 2 x 3 | 61.3 % | RubiksNet paper, Table 1 |
| 16 | 1 x 1 | 61.2 % | GSF paper, Table 8 |

Cost: not measured here.
"""

from configs.recipes.shift_modules import tsm_experiment

PAPER = {
    8: ("RubiksNet paper, Table 1", 58.8, "efficiency"),
    16: ("GSF paper, Table 8", 61.2, "efficiency"),
}


def get_config(num_segments=8):
    return tsm_experiment("tsm_resnet50", "ssv2", num_segments, paper=PAPER)
