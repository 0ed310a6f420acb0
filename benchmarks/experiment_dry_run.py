"""Builds model and optimizer of every experiment in `configs/`, and counts them.

  python -m benchmarks.experiment_dry_run
  python -m benchmarks.experiment_dry_run --rows=controls
  python -m benchmarks.experiment_dry_run --rows=gsf_studies:table5

Each row is built as `gsf-tf train` would build it: its own size, frames, classes and optimizer
groups, without records and with random weights. A row that cannot be built ends the program with
its message. Nothing is downloaded or trained.
"""

import dataclasses
import importlib

import keras
from absl import flags

from benchmarks.experiment_tables import NUM_CLASSES
from benchmarks.speed_report import markdown_table
from gsf_tf.analysis import count_parameters, macs_by_convention
from gsf_tf.data import DatasetInfo, LabelMap
from gsf_tf.errors import UserError
from gsf_tf.tasks import ACTION
from gsf_tf.training.build_model import build_model
from gsf_tf.training.build_optimizer import build_optimizer
from trainers import cli

_ROWS = flags.DEFINE_string(
    "rows", "", "A file of configs/, and after a colon how its rows begin; by default all."
)

FILES = ("gsf", "controls", "rubiksnet", "gsf_studies", "rubiksnet_studies")
STEPS_PER_EPOCH = 1000  # The optimizer is the same for any number.
HEADER = ("configuration", "parameters", "MACs", "optimizer variables", "paper's top-1 in %")


@dataclasses.dataclass(frozen=True)
class DryRun:
    """What was built of a row.

    Attributes:
        configuration: `FILE:ROW`.
        parameters: Number of trainable parameters.
        macs: Multiply-accumulates of a clip, as the papers count them.
        optimizer_variables: Number of variables of the optimizer.
        results: The papers' results, as in `PaperRow.results`.
    """

    configuration: str
    parameters: int
    macs: int
    optimizer_variables: int
    results: tuple

    @property
    def cells(self):
        """The cells of the table, as text."""
        return (
            f"`{self.configuration}`",
            f"{self.parameters / 1e6:.2f} M",
            f"{self.macs / 1e9:.2f} G",
            str(self.optimizer_variables),
            ", ".join(str(result["top1"]) for result in self.results) or "-",
        )


def main(_):
    names = select(_ROWS.value)
    console, runs = cli.console(), []
    with cli.progress(console) as progress:
        bar = progress.add_task("Building", total=len(names), info="")
        for name, row in names:
            progress.update(bar, info=f"{name}:{row}")
            runs.append(dry_run(name, row))
            keras.backend.clear_session()
            progress.advance(bar)
    print(markdown_table(HEADER, [run.cells for run in runs]))
    console.print(f"{len(runs)} configurations: model and optimizer were built and counted.")


def select(text):
    """Returns the pairs of file and row that a text like that of --rows names.

    Args:
        text: "" for all, or the name of a file, perhaps with a colon and how its rows begin.

    Raises:
        UserError: If there is no such file or no such row.
    """
    file, _, begin = text.partition(":")
    pairs = [
        (name, row)
        for name in FILES
        if file in ("", name)
        for row in _table(name).ROWS
        if row.startswith(begin)
    ]
    if not pairs:
        raise UserError(
            f"`rows` must name one of {', '.join(FILES)}, and after a colon how some of its rows "
            f"begin. Received: rows={text!r}, which no row begins with. Leave it out for all."
        )
    return pairs


def dry_run(name, row):
    """Builds a row.

    Args:
        name: Name of a file in `configs/`.
        row: Name of its row.

    Returns:
        A `DryRun`.

    Raises:
        UserError: If the configuration does not describe a model and an optimizer.
    """
    config = _table(name).get_config(row)
    config.init = config.model.weights = None
    try:
        model = build_model(config, _classes_of(config))
        optimizer = build_optimizer(config, model, STEPS_PER_EPOCH)
    except ValueError as error:
        raise UserError(f"{name}:{row} must describe a model and an optimizer. {error}") from error
    return DryRun(
        f"{name}:{row}",
        count_parameters(model),
        macs_by_convention(model)["paper"],
        len(optimizer.variables),
        tuple(config.paper.results),
    )


def _table(name):
    return importlib.import_module(f"configs.{name}")


def _classes_of(config):
    """Returns a description of records that do not exist: it has the dataset's classes."""
    classes = NUM_CLASSES[config.data.records.removeprefix("records/")]
    tasks = classes if isinstance(classes, dict) else {ACTION: classes}
    names = {task: [f"{task} {index}" for index in range(n)] for task, n in tasks.items()}
    labels = names.pop(ACTION)
    return DatasetInfo(labels, LabelMap(labels).fingerprint, {}, "", {}, task_classes=names)


if __name__ == "__main__":
    cli.run(main)
