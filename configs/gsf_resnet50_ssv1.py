"""GSF with ResNet-50 on Something-Something V1, 8 frames; `:16` for 16.

Command:

    python -m trainers.train --config=configs/gsf_resnet50_ssv1.py --workdir=runs/gsf_resnet50_ssv1

Expected:

| frames | clips x crops | top-1 | row |
|---|---|---|---|
| 8 | 1 x 1 | 50.17 % | GSF paper, Table 8 |
| 8 | 2 x 3 | 51.53 % | GSF paper, Table 8 |
| 16 | 1 x 1 | 51.54 % | GSF paper, Table 8 |
| 16 | 2 x 3 | 52.33 % | GSF paper, Table 8 |

Cost: not measured here.
"""

from configs.recipes.gsf import gsf_experiment

PAPER = {
    8: ("GSF paper, Table 8", 50.17, "efficiency"),
    16: ("GSF paper, Table 8", 51.54, "efficiency"),
}


def get_config(num_segments=8):
    return gsf_experiment("gsf_resnet50", "ssv1", num_segments, paper=PAPER)
