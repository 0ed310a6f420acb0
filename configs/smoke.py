"""A short run with all that a long one has, on clips that it makes itself.

Command:

    python -m trainers.train --config=configs/smoke.py --workdir=runs/smoke

The text after a colon is the preset, gsf_resnet14thin by default. The clips are those of
configs/demo.py, fewer and smaller, and go to smoke/. Dropout, augmentation, label smoothing, the
moving average of the weights and checkpoints inside of epochs are on, so that what breaks in a long
run breaks here. Mirrored clips are not: the classes know left and right.
"""

from ml_collections.config_dict import placeholder

from configs.recipes.defaults import default_config


def get_config(preset="gsf_resnet14thin"):
    config = default_config()
    config.model.preset = preset
    config.model.num_segments = 4
    config.model.image_size = 48
    config.model.channel_ratio = placeholder(float)
    config.model.dropout = 0.2

    config.data.records = "smoke/records"
    config.data.demo_clips = 24
    config.data.batch_size = 16

    config.augmentation.color_jitter = (0.2, 0.2, 0.2, 0.0)
    config.augmentation.erasing = 0.1

    config.optimizer.learning_rate = 0.05
    config.optimizer.reference_batch_size = 16
    config.optimizer.label_smoothing = 0.1

    config.epochs = 8
    config.warmup_epochs = 1
    config.eval_every_epochs = 2
    config.ema_decay = 0.98
    config.checkpoint.every_steps = 10
    return config
