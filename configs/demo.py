"""The demo: 12 classes of moving shapes, 6 pairs of which each is the other in reverse.

Command, after `gsf-tf demo` has made the clips and records:

    gsf-tf train --config=demo:gsf_resnet14thin --workdir=demo/runs/gsf

The text after the colon is the preset. The backbone, the schedule and the data are the same for
every preset, so `tsn_resnet14thin` is the control without temporal layers.

Cost and result: see the README; `gsf-tf demo` measures both.
"""

from gsf_tf.recipes.defaults import default_config
from gsf_tf.recipes.experiment import optional_arguments


def get_config(preset="gsf_resnet14thin"):
    config = default_config()
    config.model.preset = preset
    config.model.image_size = 64
    config.model.dropout = 0.2
    optional_arguments(config, channel_ratio=float, causal=bool, start=str, temporal_options=object)

    config.data.records = "demo/records"
    config.data.batch_size = 16

    config.optimizer.learning_rate = 0.05
    config.optimizer.reference_batch_size = 16

    config.epochs = 26
    config.warmup_epochs = 3
    config.eval_every_epochs = 2
    return config
