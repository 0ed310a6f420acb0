"""The part of a configuration that all experiments of the papers share."""

import dataclasses

from gsf_tf.recipes.config_dict import placeholder
from gsf_tf.recipes.datasets import DATASETS
from gsf_tf.recipes.defaults import default_config
from gsf_tf.recipes.paper_row import NOT_IN_PAPER


def experiment(preset, dataset, num_segments, *, paper=NOT_IN_PAPER):
    """Returns the configuration of a preset on a dataset, without the recipe of its authors.

    Args:
        preset: A name of `gsf_tf.models.list_presets()`.
        dataset: A key of `DATASETS`.
        num_segments: Frames per clip.
        paper: `PaperRow` of the experiment. The configuration takes all of its results, and as
            the first one that with the fewest views.
    """
    config = default_config()
    config.model.preset = preset
    config.model.num_segments = num_segments
    # The authors' code has 229 for InceptionV3, whose weights were converted from Caffe.
    config.model.image_size = 229 if preset.endswith("_inceptionv3") else 224

    facts = DATASETS[dataset]
    config.data.records = f"records/{dataset}"
    config.data.batch_size = facts.batch_size
    config.optimizer.reference_batch_size = facts.batch_size
    config.augmentation.flip = facts.flip
    for task in facts.tasks:
        config.task_weights[task] = 1.0

    if paper.top1:
        config.paper.source = paper.source
        config.paper.protocol, config.paper.top1 = next(iter(paper.top1.items()))
        config.paper.results = paper.results
    return config


def start_from_images(config):
    """Starts the backbone from its ImageNet weights, which docs/experiments.md describes."""
    config.model.weights = "imagenet"


def papers_start(config):
    """Starts GSF and GSM as the papers do: see `start` of `from_preset`."""
    config.model.start = "paper"


def start_from_run(config, run):
    """Starts from the model that another row has trained in its workdir, `runs/FILE_ROW`."""
    config.init = f"runs/{run}"


def set_groups(config, groups):
    """Sets the optimizer's groups.

    Args:
        config: The configuration.
        groups: `gsf_tf.training.ParameterGroup`s.
    """
    config.optimizer.groups = tuple(dataclasses.asdict(group) for group in groups)


def optional_arguments(config, **types):
    """Adds arguments of `from_preset` to `config.model`; None stands for the preset's own value.

    Args:
        config: The configuration.
        **types: The type of each argument.
    """
    for name, kind in types.items():
        config.model[name] = placeholder(kind)
