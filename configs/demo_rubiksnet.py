"""RubiksNet on the embedded default: 12 classes of moving shapes, as in configs/demo.py.

Command, after `make demo` has made the clips and records:

    python -m trainers.train --config=configs/demo_rubiksnet.py:rubiksnet_mini \\
        --workdir=demo/runs/rubiksnet

The text after the colon is the preset; `rubiksnet_mini_aq` has attention shifts, whose temperature
falls during training, and a shift budget. The studies of the paper are `--config.model.shift_mode`
(Table 5), `--config.model.spatial_shift` and `--config.model.temporal_shift` (Table 4).
"""

import dataclasses

import ml_collections

from gsf_tf.training.parameter_group import RUBIKSNET_GROUPS


def get_config(preset="rubiksnet_mini"):
    config = ml_collections.ConfigDict()

    config.model = ml_collections.ConfigDict()
    config.model.preset = preset
    config.model.num_segments = 8
    config.model.image_size = 64
    config.model.dropout = 0.2
    config.model.weights = ml_collections.config_dict.placeholder(str)
    config.model.spatial_shift = ml_collections.config_dict.placeholder(str)
    config.model.temporal_shift = ml_collections.config_dict.placeholder(str)
    config.model.shift_mode = ml_collections.config_dict.placeholder(str)
    config.model.shift_initializer = "heuristic"
    config.model.shift_budget = ml_collections.config_dict.placeholder(float)

    config.data = ml_collections.ConfigDict()
    config.data.records = "demo/records"
    config.data.train_split = "train"
    config.data.val_split = "val"
    config.data.batch_size = 16

    config.optimizer = ml_collections.ConfigDict()
    config.optimizer.learning_rate = 0.1
    config.optimizer.momentum = 0.9
    config.optimizer.weight_decay = 5e-4
    config.optimizer.clip_norm = 20.0
    config.optimizer.label_smoothing = 0.0
    config.optimizer.shift_normalization = 1.0
    config.optimizer.groups = tuple(dataclasses.asdict(group) for group in RUBIKSNET_GROUPS)

    config.epochs = 30
    config.warmup_epochs = 3
    config.eval_every_epochs = 5
    config.precision = "float32"
    config.seed = 0

    if preset.endswith("_aq"):
        config.model.shift_budget = 0.125
        config.annealing = ml_collections.ConfigDict()
        config.annealing.epochs = 20
        config.annealing.start = 2.0
        config.annealing.end = 1e-3
    return config
