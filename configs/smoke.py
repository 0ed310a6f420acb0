"""A short run with all features of a long one, on clips that it makes itself.

Command:

    gsf-tf train --config=smoke --workdir=runs/smoke

The text after a colon is the preset, gsf_resnet14thin by default. The clips are those of
configs/demo.py, fewer and smaller, and go to smoke/. Dropout, augmentation, label smoothing, the
moving average of the weights and checkpoints inside epochs are on, so that a fault of a long run
shows in this one. Mirroring is off, because the classes depend on left and right.
"""

from gsf_tf.recipes.defaults import default_config
from gsf_tf.recipes.experiment import optional_arguments


def get_config(preset="gsf_resnet14thin"):
    config = default_config()
    config.model.preset = preset
    config.model.num_segments = 4
    config.model.image_size = 48
    config.model.dropout = 0.2
    optional_arguments(config, channel_ratio=float)

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
    config.estimate_steps = 2
    config.ema_decay = 0.98
    config.batch_norm.reestimate_batches = 4
    config.batch_norm.compare_batches = 2
    config.checkpoint.every_steps = 10
    return config
