"""GSF with ResNet-50 on Something-Something V2, 8 frames; `:16` for 16.

Command:

    python -m trainers.train --config=configs/gsf_resnet50_ssv2.py --workdir=runs/gsf_resnet50_ssv2

Expected:

| frames | clips x crops | top-1 | row |
|---|---|---|---|
| 8 | 1 x 1 | 62.19 % | GSF paper, Table 8 |
| 8 | 2 x 3 | 64.01 % | GSF paper, Table 8 |
| 16 | 1 x 1 | 63.97 % | GSF paper, Table 8 |
| 16 | 2 x 3 | 65.23 % | GSF paper, Table 8 |

Cost: not measured here.
"""

from configs.recipes.gsf import gsf_experiment

PAPER = {
    8: ("GSF paper, Table 8", 62.19, "efficiency"),
    16: ("GSF paper, Table 8", 63.97, "efficiency"),
}


def get_config(num_segments=8):
    return gsf_experiment("gsf_resnet50", "ssv2", num_segments, paper=PAPER)
