"""TSN with ResNet-50 on Something-Something V1, 8 frames; `:16` for 16.

Command:

    python -m trainers.train --config=configs/tsn_resnet50_ssv1.py --workdir=runs/tsn_resnet50_ssv1

Expected:

| frames | clips x crops | top-1 | row |
|---|---|---|---|
| 8 | 1 x 1 | 17.22 % | GSF paper, Table 7 |

The recipe of GSF, without GSF.

Cost: not measured here.
"""

from configs.recipes.gsf import gsf_experiment

PAPER = {
    8: ("GSF paper, Table 7", 17.22, "efficiency"),
}


def get_config(num_segments=8):
    return gsf_experiment("tsn_resnet50", "ssv1", num_segments, paper=PAPER)
