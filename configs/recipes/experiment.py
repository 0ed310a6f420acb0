"""What all experiments of the papers have in common."""

from ml_collections.config_dict import placeholder

from configs.recipes.datasets import DATASETS
from configs.recipes.defaults import default_config
from gsf_tf.errors import UserError


def experiment(preset, dataset, num_segments, *, paper=None):
    """Returns the configuration of a preset on a dataset, without the recipe of its authors.

    Args:
        preset: A name of `gsf_tf.models.list_presets()`.
        dataset: A key of `DATASETS`.
        num_segments: Frames per clip; the text after the colon of `--config=FILE:FRAMES`, or a
            number.
        paper: Rows of the papers' tables by number of frames, `(source, top-1 in percent,
            protocol)`, such as `{8: ("GSF paper, Table 8", 50.17, "efficiency")}`.

    Raises:
        UserError: If the number of frames is none.
    """
    config = default_config()
    config.model.preset = preset
    config.model.num_segments = _frames(num_segments)
    # 229 is the authors' code's, for the InceptionV3 that was converted from Caffe.
    config.model.image_size = 229 if preset.endswith("_inceptionv3") else 224

    facts = DATASETS[dataset]
    config.data.records = f"records/{dataset}"
    config.data.batch_size = facts.batch_size
    config.optimizer.reference_batch_size = facts.batch_size
    config.augmentation.flip = facts.flip
    for task in facts.tasks:
        config.task_weights[task] = 1.0

    row = (paper or {}).get(config.model.num_segments)
    if row is not None:
        config.paper.source, config.paper.top1, config.paper.protocol = row
    return config


def start_from_images(config, backbone):
    """Starts the backbone from weights of ImageNet, a file that docs/experiments.md names."""
    config.model.weights = f"pretrained/{backbone}.pth"


def start_from_run(config, name):
    """Starts from the model of another experiment, in the workdir that its docstring names."""
    config.init = f"runs/{name}"


def optional_arguments(config, **types):
    """Adds arguments of `from_preset` that the papers' studies set; None is the preset's own.

    Args:
        config: The configuration.
        **types: The type of each argument.
    """
    for name, kind in types.items():
        config.model[name] = placeholder(kind)


def _frames(num_segments):
    if not str(num_segments).isdecimal() or int(num_segments) < 1:
        raise UserError(
            "The text after the colon of --config must be the number of frames per clip, such as "
            f"`:16`. Received: {str(num_segments)!r}"
        )
    return int(num_segments)
