"""The recipe for small sets of one's own clips, from ImageNet weights or from random ones.

What it takes from where: partial and frozen batch normalization are TSN's (Wang et al., section
3.2, for few clips), the higher rate of the linear layer is TSM's (five times, in its code), the
statistics of whole batches are PreciseBN (Wu and Johnson 2021). Clipping at 20, and from random
weights decay 5e-4 and learning rate 0.01 at a batch of 32, are the GSF paper's and its code's.

From ImageNet weights the linear layer is trained alone first. As long as it is random, its
gradients change the features for nothing (Kumar et al., Fine-Tuning can Distort Pretrained Features
and Underperform Out-of-Distribution, ICLR 2022), and most of all those of gates and fusions, which
then close or open for good. With frozen batch normalization nothing makes up for the size of the
filters, so the papers' rate for SGD is too large; AdamW's steps do not grow with the gradients.
docs/real_videos.md has the measurements.
"""

import tensorflow as tf

from gsf_tf.errors import UserError
from gsf_tf.models import list_presets
from gsf_tf.models.preset_names import split_preset
from gsf_tf.models.recipes import BACKBONES
from gsf_tf.recipes.defaults import default_config

SCRATCH = "scratch"
GPU_SIZE, CPU_SIZE = 224, 160


def fine_tuning(text):
    """Returns the configuration of a preset on one's own records.

    The size of the frames is chosen for the machine: smaller without a GPU.

    Args:
        text: Name of a preset, perhaps followed by `,scratch` for random weights.

    Raises:
        UserError: If something else follows the name.
    """
    preset, comma, start = text.partition(",")
    if comma and start != SCRATCH:
        raise UserError(
            f"After the preset, `config` may have `,{SCRATCH}` for random weights, and nothing "
            f"else. Received: {text!r}. Use `folder:{preset}` or `folder:{preset},{SCRATCH}`."
        )
    config = default_config()
    config.model.preset = preset
    config.model.image_size = GPU_SIZE if tf.config.list_physical_devices("GPU") else CPU_SIZE
    config.data.records = "records"
    config.data.batch_size = 8

    config.epochs = 30
    config.warmup_epochs = 2
    config.early_stopping_epochs = 10
    config.estimate_steps = 3
    config.optimizer.label_smoothing = 0.1
    config.batch_norm.compare_batches = 4
    if start != SCRATCH and preset in list_presets(pretrained=True):
        config.model.weights = "imagenet"
        config.freeze_backbone_epochs = 2
        config.warmup_epochs = 4
        _, backbone = split_preset(preset)
        if BACKBONES[backbone].has_batch_norm:
            config.batch_norm.frozen = "all"
        config.optimizer.name = "adamw"
        config.optimizer.learning_rate = 1e-3
        config.optimizer.weight_decay = 0.05
        config.optimizer.head_rate = 5.0
        config.ema_decay = 0.98
    else:
        config.batch_norm.reestimate_batches = 20
    return config
