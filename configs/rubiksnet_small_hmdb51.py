"""RubiksNet-Small on HMDB-51, split 1, 8 frames; `:16` for 16.

Command:

    python -m trainers.train --config=configs/rubiksnet_small_hmdb51.py \\
        --workdir=runs/rubiksnet_small_hmdb51

Expected: unknown. Table 4 has 69.5 % for Small with attention shifts:
configs/rubiksnet_studies.py:table4_small_learned_learned.

Starts from the run of configs/rubiksnet_small_kinetics400.py in runs/rubiksnet_small_kinetics400;
the linear layer is new.

Cost: not measured here.
"""

from configs.recipes.rubiksnet import rubiksnet_experiment


def get_config(num_segments=8):
    return rubiksnet_experiment(
        "rubiksnet_small", "hmdb51", num_segments, init="rubiksnet_small_kinetics400"
    )
