"""TSN with ResNet-50 on Something-Something V2, 8 frames; `:16` for 16.

Command:

    python -m trainers.train --config=configs/tsn_resnet50_ssv2.py --workdir=runs/tsn_resnet50_ssv2

Expected:

| frames | clips x crops | top-1 | row |
|---|---|---|---|
| 8 | 1 x 1 | 30.0 % | RubiksNet paper, Table 1 |
| 8 | 2 x 3 | 30.4 % | RubiksNet paper, Table 1 |

The recipe of GSF, without GSF.

Cost: not measured here.
"""

from configs.recipes.gsf import gsf_experiment

PAPER = {
    8: ("RubiksNet paper, Table 1", 30.0, "efficiency"),
}


def get_config(num_segments=8):
    return gsf_experiment("tsn_resnet50", "ssv2", num_segments, paper=PAPER)
