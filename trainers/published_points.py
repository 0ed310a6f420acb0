"""The papers' results on a dataset, with what their networks cost."""

import functools
import importlib

from gsf_tf.analysis import count_macs, count_parameters
from gsf_tf.evaluation import TradeOffPoint
from gsf_tf.models import from_preset

from .paper_figure import TABLES, configs_package, dataset_of

CLASSES = 174


def published_points(source, tables=TABLES):
    """Returns the papers' results by the efficiency protocol: one clip, the center crop.

    Args:
        source: `DatasetInfo.source` of the records, such as "Something-Something V1".
        tables: Names of the tables of `configs/` whose rows are taken.

    Returns:
        A list of `TradeOffPoint`, empty if the papers do not have the dataset.
    """
    dataset = dataset_of(source)
    if dataset is None:
        return []
    points = []
    for name in tables:
        table = importlib.import_module(f"{configs_package()}.{name}")
        for row, paper in table.ROWS.items():
            experiment, _, frames = row.rpartition("_")
            top1 = paper.top1.get("efficiency")
            if top1 is not None and experiment.endswith(f"_{dataset}"):
                model = dict(table.get_config(row).model)
                points.append(_point(model, paper, frames.removesuffix("f"), top1))
    return points


def _point(model, paper, frames, top1):
    macs, parameters = _costs(tuple(sorted((k, v) for k, v in model.items() if k != "weights")))
    label = f"{model['preset']}, {frames} frames ({paper.source.partition(',')[0]})"
    return TradeOffPoint(label, macs, parameters, top1 / 100, published=True)


@functools.cache
def _costs(arguments):
    """Returns the MACs of a clip and the number of parameters.

    MotionSqueeze compares neighboring frames, so the MACs of a clip are not those of a frame times
    the number of frames.
    """
    arguments = dict(arguments)
    size = arguments.pop("image_size")
    network = from_preset(num_classes=CLASSES, input_shape=(size, size, 3), **arguments)
    return count_macs(network, convention="paper"), count_parameters(network)
