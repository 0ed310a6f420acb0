"""GSF with InceptionV3 on Diving48, 16 frames; `:8` for 8.

Command:

    python -m trainers.train --config=configs/gsf_inceptionv3_diving48.py \\
        --workdir=runs/gsf_inceptionv3_diving48

Expected:

| frames | clips x crops | top-1 | row |
|---|---|---|---|
| 16 | 2 x 3 | 90.51 % | GSF paper, Table 11 |

Cost: not measured here.
"""

from configs.recipes.gsf import gsf_experiment

PAPER = {
    16: ("GSF paper, Table 11", 90.51, "accuracy"),
}


def get_config(num_segments=16):
    return gsf_experiment("gsf_inceptionv3", "diving48", num_segments, paper=PAPER)
