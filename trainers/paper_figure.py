"""Finds what the papers print for a model that was not trained here."""

import importlib

from gsf_tf.data import OFFICIAL_DATASETS
from gsf_tf.models.recipes import BACKBONES

TABLES = ("gsf", "controls", "rubiksnet")


def find_paper_figure(opened, source, protocol):
    """Returns the paper's figure for a preset on a dataset, from the rows of `configs/`.

    Args:
        opened: `TrainedModel`.
        source: `DatasetInfo.source` of the records, such as "Something-Something V1".
        protocol: `Protocol` of the evaluation. A row may have figures of several.

    Returns:
        A dictionary as the entry `paper` of a configuration, first the figure of `protocol` if the
        row has it; an empty one if no row is of this preset, dataset, size and number of frames.
    """
    dataset, preset = dataset_of(source), opened.description.preset
    if dataset is None or preset is None or not _is_the_papers(preset):
        return {}
    height, width = opened.image_size
    for name in TABLES:
        table = importlib.import_module(f"{configs_package()}.{name}")
        for row, paper in table.ROWS.items():
            if not row.endswith(f"{dataset}_{opened.num_segments}f") or not paper.top1:
                continue
            model = table.get_config(row).model
            if model.preset == preset["preset"] and height == width == model.image_size:
                return _figure(paper, protocol)
    return {}


def configs_package():
    """Returns the name of the package with the tables: it is another one where it is installed."""
    return __package__.replace("trainers", "configs")


def dataset_of(source):
    """Returns the name of the official dataset of records, None if it is none."""
    for dataset in OFFICIAL_DATASETS.values():
        if source in {dataset.source(variant) for variant in dataset.variants or (None,)}:
            return dataset.name
    return None


def _is_the_papers(preset):
    """Returns whether a network is that of its preset, and not one of the papers' studies."""
    backbone = BACKBONES.get(preset["preset"].partition("_")[2])
    usual = {"channel_ratio": backbone and backbone.channel_ratio}
    changed = {name for name, value in preset.items() if value != usual.get(name)}
    return changed <= {"preset"}


def _figure(paper, protocol):
    results = paper.results
    same = [result for result in results if protocol.matches(result["protocol"])]
    return {**(same or results)[0], "results": list(results)}
