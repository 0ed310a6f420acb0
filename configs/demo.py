"""The embedded default: 12 classes of moving shapes, 6 pairs that are each other's reversal.

Command (or all of it with `make demo`):

    python -m trainers.train --config=configs/demo.py:gsf_resnet14thin --workdir=demo/runs/gsf

The text after the colon is the preset. The backbone, the schedule and the data are the same for
every preset, so `tsn_resnet14thin` is the control without temporal layers.

Cost and result: see the README; `make demo` measures both.
"""

from ml_collections.config_dict import placeholder

from configs.recipes.defaults import default_config


def get_config(preset="gsf_resnet14thin"):
    config = default_config()
    config.model.preset = preset
    config.model.image_size = 64
    config.model.channel_ratio = placeholder(float)
    config.model.dropout = 0.2

    config.data.records = "demo/records"
    config.data.batch_size = 16

    config.optimizer.learning_rate = 0.05
    config.optimizer.reference_batch_size = 16

    config.epochs = 26
    config.warmup_epochs = 3
    config.eval_every_epochs = 2
    return config
