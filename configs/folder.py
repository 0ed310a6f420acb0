"""One's own folder of videos: a preset of the papers on records made by `trainers.prepare`.

Command:

    python -m trainers.train --config=configs/folder.py:gsf_mobilenetv2 \
        --config.data.records=my_records --workdir=runs/mine

The text after the colon is the preset (`gsf_tf.models.list_presets()`). On a CPU, or with a few
hundred videos, `gsf_resnet14thin` with `--config.model.image_size=64` learns fastest. For a
backbone whose ImageNet weights Keras ships (mobilenetv2), `--config.model.weights=imagenet` starts
from them; that is what the papers do for every backbone. `--config.augmentation.flip=0.5` mirrors
half of the clips.

Recipe: GSF paper, section 4.2 (SGD with momentum 0.9, learning rate 0.01 with 10 of 60 epochs of
warm-up and a cosine, batch 32, dropout 0.5); decay 5e-4 and clipping at 20 are the authors'
code's. Cost and result: not measured here, they depend on the videos.
"""

from ml_collections.config_dict import placeholder

from configs.recipes.defaults import default_config


def get_config(preset="gsf_mobilenetv2"):
    config = default_config()
    config.model.preset = preset
    config.model.channel_ratio = placeholder(float)

    config.data.records = "records"

    config.eval_every_epochs = 5
    return config
