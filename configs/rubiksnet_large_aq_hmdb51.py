"""RubiksNet-Large-AQ (attention shifts) on HMDB-51, split 1, 8 frames; `:16` for 16.

Command:

    python -m trainers.train --config=configs/rubiksnet_large_aq_hmdb51.py \\
        --workdir=runs/rubiksnet_large_aq_hmdb51

Expected: 71.4 % (RubiksNet paper, Table 4, learned in space and time; it does not say with how
many views, here taken for one).

Starts from the run of configs/rubiksnet_large_aq_kinetics400.py in
runs/rubiksnet_large_aq_kinetics400; the linear layer is new. Budget 0.25, as section 4.3 has it
for Table 4.

Cost: not measured here.
"""

from configs.recipes.rubiksnet import rubiksnet_experiment

PAPER = {
    8: ("RubiksNet paper, Table 4", 71.4, "efficiency"),
}


def get_config(num_segments=8):
    return rubiksnet_experiment(
        "rubiksnet_large_aq",
        "hmdb51",
        num_segments,
        init="rubiksnet_large_aq_kinetics400",
        shift_budget=0.25,
        paper=PAPER,
    )
