"""The recipe of the GSF paper, for GSF and for the TSN that its tables compare with.

Section 4.2: SGD with momentum 0.9, learning rate 0.01 at a batch of 32, 60 epochs, of which 10 are
warm-up, then a cosine; dropout 0.5; multi-scale crops, mirroring, one random frame per segment.

Where the authors' code differs from the paper, the recipe follows the code, because the code made
the paper's results:

| | paper | code, and here |
|---|---|---|
| weight decay | 1e-4 | 5e-4 |
| RandAugment (timm's `rand-m9-mstd0.5`) | on EPIC-Kitchens | on every dataset |
| largest norm of the gradient | - | 20 |
| groups for biases and normalizations | - | declared, but not used |
"""

from gsf_tf.recipes.experiment import (
    experiment,
    optional_arguments,
    papers_start,
    start_from_images,
    start_from_run,
)
from gsf_tf.recipes.paper_row import NOT_IN_PAPER


def gsf_experiment(preset, dataset, num_segments, *, init=None, paper=NOT_IN_PAPER):
    """Returns the configuration of `gsf_*` or `tsn_*` on a dataset.

    Args:
        preset: `gsf_<backbone>` or `tsn_<backbone>`.
        dataset, num_segments, paper: As in `experiment`.
        init: Name of the run to start from, as in `start_from_run`; by default the backbone starts
            from ImageNet weights.
    """
    config = experiment(preset, dataset, num_segments, paper=paper)
    config.optimizer.weight_decay = 5e-4
    config.augmentation.rand_augment = 9.0
    config.augmentation.rand_augment_std = 0.5
    config.augmentation.rand_augment_ops = 2
    config.augmentation.rand_augment_variant = "authors"
    if preset.startswith("gsf_"):
        optional_arguments(
            config,
            channel_ratio=float,
            placement=str,
            last_blocks=int,
            temporal_options=object,
            causal=bool,
        )
        papers_start(config)
    if init is None:
        start_from_images(config)
    else:
        start_from_run(config, init)
    return config
