"""The recipe of the RubiksNet paper, in its stages: images, Kinetics, then the dataset.

Section 4.1: spatial shifts are learned on ImageNet and inflated; gradients of shifts are normalized
(equation (9); lambda is 1 in the released models). Attention is annealed from 2.0 to 1e-3 over 40
epochs. The authors' code: shifts at a hundredth of the rate, no decay on shifts, biases and
normalizations, momentum 0.9, decay 5e-4.

Neither clips gradients: the directions of the shifts alone have a norm of 57 (Tiny) to 116 (Large),
so clipping at 20 would scale down every step. With `--config.optimizer.clip_norm=20
--config.optimizer.clip_variables=all_but_shifts`, the norm is that of the other variables. Neither
has dropout.

Neither the paper nor the code gives epochs, learning rate and batch. On clips they are the GSF
paper's here (60 epochs, 0.01 at 32); on images those usual for ResNets (He et al.: 90 epochs, 0.1
at 256, decay 1e-4).
"""

from gsf_tf.recipes.experiment import experiment, optional_arguments, set_groups, start_from_run
from gsf_tf.recipes.paper_row import NOT_IN_PAPER
from gsf_tf.training import RUBIKSNET_GROUPS

ANNEALING_EPOCHS = 40


def rubiksnet_experiment(
    preset,
    dataset,
    num_segments,
    *,
    init,
    shift_budget=None,
    sampling="segments",
    paper=NOT_IN_PAPER,
):
    """Returns the configuration of a RubiksNet on a dataset of videos.

    Args:
        preset: `rubiksnet_<tier>` or `rubiksnet_<tier>_aq`.
        dataset, num_segments, paper: As in `experiment`.
        init: Name of the run to start from, as in `start_from_run`.
        shift_budget: Share of the channels that attention may move.
        sampling: `"segments"`, or `"dense"`, as TSM's code has it on Kinetics.
    """
    config = _rubiksnet(preset, dataset, num_segments, paper)
    config.model.shift_budget = shift_budget
    config.data.sampling = sampling
    if preset.endswith("_aq"):
        config.annealing.epochs = ANNEALING_EPOCHS
    start_from_run(config, init)
    return config


def rubiksnet_on_images(preset):
    """Returns the configuration of the spatial pretraining: one frame, shifts in space only."""
    config = _rubiksnet(preset, "imagenet", 1, NOT_IN_PAPER)
    config.augmentation.crop = "random_resized"
    config.optimizer.learning_rate = 0.1
    config.optimizer.weight_decay = 1e-4
    config.epochs = 90
    config.warmup_epochs = 5
    return config


def _rubiksnet(preset, dataset, num_segments, paper):
    config = experiment(preset, dataset, num_segments, paper=paper)
    optional_arguments(
        config,
        shift_mode=str,
        spatial_shift=str,
        temporal_shift=str,
        shift_initializer=str,
        shift_budget=float,
        causal=bool,
    )
    set_groups(config, RUBIKSNET_GROUPS)
    config.model.dropout = 0.0
    config.optimizer.clip_norm = None
    config.optimizer.shift_normalization = 1.0
    return config
