"""The embedded default: 12 classes of moving shapes, 6 pairs that are each other's reversal.

Command (or all of it with `make demo`):

    python -m trainers.train --config=configs/demo.py:gsf_resnet14thin --workdir=demo/runs/gsf

The text after the colon is the preset. The backbone, the schedule and the data are the same for
every preset, so `tsn_resnet14thin` is the control without temporal layers.

Cost and result: see the README; `make demo` measures both.
"""

import ml_collections


def get_config(preset="gsf_resnet14thin"):
    config = ml_collections.ConfigDict()

    config.model = ml_collections.ConfigDict()
    config.model.preset = preset
    config.model.num_segments = 8
    config.model.image_size = 64
    config.model.channel_ratio = ml_collections.config_dict.placeholder(float)
    config.model.dropout = 0.2
    config.model.weights = ml_collections.config_dict.placeholder(str)

    config.data = ml_collections.ConfigDict()
    config.data.records = "demo/records"
    config.data.train_split = "train"
    config.data.val_split = "val"
    config.data.batch_size = 16

    config.optimizer = ml_collections.ConfigDict()
    config.optimizer.learning_rate = 0.05
    config.optimizer.momentum = 0.9
    config.optimizer.weight_decay = 5e-4
    config.optimizer.clip_norm = 20.0
    config.optimizer.label_smoothing = 0.0

    config.epochs = 26
    config.warmup_epochs = 3
    config.eval_every_epochs = 2
    config.precision = "float32"
    config.seed = 0
    return config
