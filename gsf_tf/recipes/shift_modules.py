"""The recipes of TSM, GSM and GST, the controls of both papers.

The optimizer groups are those that the authors declare and apply. Epochs, warm-up and cosine are
those of the GSF paper, so that a control differs from GSF only in its module and its groups.
RandAugment is part of GSF's recipe and is left out.
"""

from gsf_tf.recipes.experiment import (
    experiment,
    optional_arguments,
    papers_start,
    set_groups,
    start_from_images,
    start_from_run,
)
from gsf_tf.recipes.paper_row import NOT_IN_PAPER
from gsf_tf.training import ParameterGroup

# Biases, `gate_bias` of a module too, at twice the rate; decay for kernels only.
GSM_GROUPS = (
    ParameterGroup(r"(^|/)(gamma|beta)$", l2=0.0),
    ParameterGroup(r"(^|/)(\w+_)?bias(_\d)?$", learning_rate=2.0, l2=0.0),
)

# The same, and the new linear layer at five times the rate, its bias at ten.
TSM_GROUPS = (
    ParameterGroup(r"(^|/)classifier(_\w+)?/kernel$", learning_rate=5.0),
    ParameterGroup(r"(^|/)classifier(_\w+)?/bias$", learning_rate=10.0, l2=0.0),
    *GSM_GROUPS,
)


def tsm_experiment(preset, dataset, num_segments, *, init=None, paper=NOT_IN_PAPER):
    """Returns the configuration of `tsm_*` on a dataset; arguments as in `experiment`.

    With `init`, it starts from a run, as in `start_from_run`, and not from ImageNet weights. On
    Kinetics, clips are dense windows of 64 frames, as in TSM's code. The code of MotionSqueeze has
    GSM's groups: its linear layer is a convolution, and so has no rate of its own.
    """
    groups = GSM_GROUPS if preset.endswith("_ms") else TSM_GROUPS
    config = _control(preset, dataset, num_segments, groups, paper, init)
    if preset.startswith("tsm_"):
        optional_arguments(config, causal=bool)
    if dataset == "kinetics400":
        config.data.sampling = "dense"
    return config


def gsm_experiment(preset, dataset, num_segments, *, paper=NOT_IN_PAPER):
    """Returns the configuration of `gsm_*` on a dataset; arguments as in `experiment`."""
    config = _control(preset, dataset, num_segments, GSM_GROUPS, paper)
    optional_arguments(config, channel_ratio=float, placement=str, last_blocks=int, causal=bool)
    papers_start(config)
    return config


def gst_experiment(preset, dataset, num_segments, *, paper=NOT_IN_PAPER):
    """Returns the configuration of `gst_*` or `gst_large_*`; arguments as in `experiment`.

    Decay and dropout are those of the authors' code, which declares and applies GSM's groups.
    """
    config = _control(preset, dataset, num_segments, GSM_GROUPS, paper)
    config.optimizer.weight_decay = 3e-4
    config.model.dropout = 0.3
    optional_arguments(config, last_blocks=int)
    return config


def _control(preset, dataset, num_segments, groups, paper, init=None):
    config = experiment(preset, dataset, num_segments, paper=paper)
    set_groups(config, groups)
    if init is None:
        start_from_images(config)
    else:
        start_from_run(config, init)
    return config
