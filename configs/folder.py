"""One's own folder of videos: a preset of the papers, on records made by `gsf-tf prepare`.

Command:

    gsf-tf train --config=folder:gsf_mobilenetv2 --config.data.records=my_records \\
        --workdir=runs/mine

The text after the colon is the preset (`gsf_tf.models.list_presets()`). On a CPU, or with a few
hundred videos, `gsf_resnet14thin` with `--config.model.image_size=64` learns fastest.
`--config.model.weights=imagenet` starts from the ImageNet weights that Keras ships for a backbone
(mobilenetv2); the papers start every backbone from ImageNet. `--config.augmentation.flip=0.5`
mirrors half of the clips.

Recipe: GSF paper, section 4.2 (SGD with momentum 0.9, learning rate 0.01 with 10 of 60 epochs of
warm-up and a cosine, batch 32, dropout 0.5); decay 5e-4 and clipping at 20 are from the authors'
code. Cost and result depend on the videos.
"""

from gsf_tf.recipes.defaults import default_config
from gsf_tf.recipes.experiment import optional_arguments


def get_config(preset="gsf_mobilenetv2"):
    config = default_config()
    config.model.preset = preset
    optional_arguments(config, channel_ratio=float, start=str)

    config.data.records = "records"

    config.eval_every_epochs = 5
    return config
