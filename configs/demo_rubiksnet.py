"""RubiksNet on the demo: 12 classes of moving shapes, as in configs/demo.py.

Command, after `gsf-tf demo` has made the clips and records:

    gsf-tf train --config=demo_rubiksnet:rubiksnet_mini --workdir=demo/runs/rubiksnet

The text after the colon is the preset; `rubiksnet_mini_aq` has attention shifts, whose temperature
falls during training, and a shift budget. The studies of the paper are `--config.model.shift_mode`
(Table 5), `--config.model.spatial_shift` and `--config.model.temporal_shift` (Table 4).
"""

from gsf_tf.recipes.defaults import default_config
from gsf_tf.recipes.experiment import optional_arguments, set_groups
from gsf_tf.training import RUBIKSNET_GROUPS


def get_config(preset="rubiksnet_mini"):
    config = default_config()
    config.model.preset = preset
    config.model.image_size = 64
    config.model.dropout = 0.0
    optional_arguments(
        config, spatial_shift=str, temporal_shift=str, shift_mode=str, shift_budget=float
    )
    config.model.shift_initializer = "heuristic"

    config.data.records = "demo/records"
    config.data.batch_size = 16

    config.optimizer.learning_rate = 0.1
    config.optimizer.reference_batch_size = 16
    config.optimizer.shift_normalization = 1.0
    config.optimizer.clip_norm = None  # As in the paper: see gsf_tf/recipes/rubiksnet.py.
    set_groups(config, RUBIKSNET_GROUPS)

    config.epochs = 30
    config.warmup_epochs = 3
    config.eval_every_epochs = 5

    if preset.endswith("_aq"):
        config.model.shift_budget = 0.125
        config.annealing.epochs = 20
    return config
