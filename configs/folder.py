"""One's own folder of videos: a preset of the papers on records made by `trainers.prepare`.

Command:

    python -m trainers.train --config=configs/folder.py:gsf_mobilenetv2 \
        --config.data.records=my_records --workdir=runs/mine

The text after the colon is the preset (`gsf_tf.models.list_presets()`). On a CPU, or with a few
hundred videos, `gsf_resnet14thin` with `--config.model.image_size=64` learns fastest. For a
backbone whose ImageNet weights Keras ships (mobilenetv2), `--config.model.weights=imagenet` starts
from them; that is what the papers do for every backbone.

Recipe: GSF paper, section 4.2 (SGD with momentum 0.9, learning rate 0.01 with 10 of 60 epochs of
warm-up and a cosine, batch 32, dropout 0.5); decay 5e-4 and clipping at 20 are the authors'
code's. Cost and result: not measured here, they depend on the videos.
"""

import ml_collections


def get_config(preset="gsf_mobilenetv2"):
    config = ml_collections.ConfigDict()

    config.model = ml_collections.ConfigDict()
    config.model.preset = preset
    config.model.num_segments = 8
    config.model.image_size = 224
    config.model.channel_ratio = ml_collections.config_dict.placeholder(float)
    config.model.dropout = 0.5
    config.model.weights = ml_collections.config_dict.placeholder(str)

    config.data = ml_collections.ConfigDict()
    config.data.records = "records"
    config.data.train_split = "train"
    config.data.val_split = "val"
    config.data.batch_size = 32

    config.optimizer = ml_collections.ConfigDict()
    config.optimizer.learning_rate = 0.01
    config.optimizer.momentum = 0.9
    config.optimizer.weight_decay = 5e-4
    config.optimizer.clip_norm = 20.0
    config.optimizer.label_smoothing = 0.0

    config.epochs = 60
    config.warmup_epochs = 10
    config.eval_every_epochs = 5
    config.precision = "float32"
    config.seed = 0
    return config
