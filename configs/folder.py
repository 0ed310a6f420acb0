"""One's own folder of videos: fine-tuning for 100 to 10,000 clips, on records of `gsf-tf prepare`.

Command:

    gsf-tf train --config=folder:gsf_mobilenetv2 --config.data.records=my_records \\
        --workdir=runs/mine

The text after the colon is the preset (`gsf_tf.models.list_presets()`). A backbone for which
ImageNet weights can be had starts from them; `folder:gsf_mobilenetv2,scratch` starts from random
weights. The recipe differs:

| | from ImageNet weights | from random weights |
|---|---|---|
| batch normalization | frozen | estimated on 20 batches before each validation |
| first 2 epochs | the linear layer only | all |
| optimizer | AdamW, rate 1e-3 at 32 clips, decay 0.05 | SGD, rate 0.01 at 32 clips, decay 5e-4 |
| rate of the linear layer | 5 times that of the others | that of the others |
| evaluated and saved | moving average of the weights, decay 0.98 | the weights |
| warm-up | 4 epochs | 2 epochs |

In both: 30 epochs, a cosine after the warm-up, label smoothing 0.1, and an end after 10 epochs
without a better validation. On a GPU frames have 224 pixels, on a CPU 160; 8 clips per step.
The expected time is measured and printed before the run.

`--config.optimizer.schedule=step` is the other schedule; `--config.data.class_balance=weights` is
for classes of unequal sizes, `--config.augmentation.flip=0.5` mirrors half of the clips,
`--seeds=3` trains three times. Results: docs/real_videos.md.
"""

from gsf_tf.recipes.experiment import optional_arguments
from gsf_tf.recipes.fine_tuning import fine_tuning


def get_config(preset="gsf_mobilenetv2"):
    config = fine_tuning(preset)
    optional_arguments(config, channel_ratio=float, start=str, causal=bool)
    return config
