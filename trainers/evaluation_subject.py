"""What `gsf-tf evaluate` evaluates: a model, records, and the folder for the results."""

import dataclasses
import os
import pathlib
import re
from typing import Any

from gsf_tf.data import DatasetInfo
from gsf_tf.errors import UserError
from gsf_tf.evaluation import Protocol
from gsf_tf.models import SegmentModel
from gsf_tf.recipes.defaults import default_config
from gsf_tf.trained import TrainedModel, open_model
from gsf_tf.workdir import Workdir

from .paper_figure import find_paper_figure

CONFIG_VALUES = (
    *("data.records", "data.val_split", "data.sampling", "data.frame_stride", "data.on_error"),
    *("model.preset", "seed", "paper"),
)


@dataclasses.dataclass(frozen=True)
class EvaluationSubject:
    """A model of a run or of anywhere else, and the records that it is evaluated on.

    Attributes:
        model: Path of what `open_model` opens, or a `.keras` file of the run.
        labels: Labels that the user gave, or None.
        run: `Workdir` of the training run, None for a model without one.
        records: Folder of records.
        split: Name of the split.
        own_split: Whether that is the split of the paper's figure.
        info: `DatasetInfo` of the records.
        results: `Workdir` for the results.
    """

    model: str
    labels: str | None
    run: Workdir | None
    records: str
    split: str
    own_split: bool
    info: DatasetInfo
    results: Workdir

    def open(self) -> TrainedModel:
        """Opens the model."""
        if self.run is None:
            return open_model(self.model, self.labels)
        # A file of the run, whoever wrote it, has the run's labels.
        description = self.run.describe_model()
        network = self.run.load_model(self.model)
        return TrainedModel(self.model, network, description, (self.model,))

    @property
    def suffix(self) -> str:
        """What the names of the results say of split and model, if others than usual."""
        is_own = self.run is None or pathlib.Path(self.model) == self.run.model_file
        split = "" if self.own_split else f"_{self.split}"
        return split + ("" if is_own else f"_{pathlib.Path(self.model).stem}")

    @property
    def trained_with(self) -> str | None:
        """Git revision of the training, None if unknown."""
        return self.run and self.run.read_run("git_revision")["git_revision"]

    def config(self, opened: TrainedModel, protocol: Protocol) -> dict[str, Any]:
        """Returns the configuration that a model is evaluated by, as a dictionary.

        That of the run; or else the defaults, with what is known of the model, and with the paper's
        row of the same preset, dataset and number of frames.

        Args:
            opened: The model.
            protocol: `Protocol` of the evaluation.
        """
        if self.run is not None:
            return self.run.read_config(*CONFIG_VALUES)
        config, known, network = default_config(), opened.description, opened.network
        with config.ignore_type(), config.unlocked():
            config.data.update(sampling=known.sampling, frame_stride=known.frame_stride)
            config.model.update(known.preset or {"preset": getattr(network, "name", opened.name)})
            if isinstance(network, SegmentModel):
                config.precision = network.head_policy.name
                tasks = network.num_classes if isinstance(network.num_classes, dict) else ()
                config.task_weights = {task: 1.0 for task in tasks}
        paper = find_paper_figure(opened, self.info.source, protocol)
        return {**config.to_dict(), "seed": None, "paper": paper}


def evaluation_subject(workdir, model, labels, records, split, output):
    """Decides what is evaluated from the flags of `gsf-tf evaluate`.

    Args:
        workdir: Path of a training run, or None.
        model: Path of a model, or None for that of the run.
        labels: Path of labels, or None.
        records: Folder of records, or None for those of the run.
        split: Name of the split, or None for the validation split.
        output: Folder for the results, or None.

    Returns:
        An `EvaluationSubject`.

    Raises:
        UserError: If the flags do not say it, or the run or the records are damaged.
    """
    if workdir is None:
        workdir, model = run_of(model)
    if workdir is None:
        run, own_records, own_split = None, None, "val"
        results = Workdir(output or results_folder(model))
    else:
        run = Workdir(workdir)
        data = run.read_config(*CONFIG_VALUES)["data"]
        model, own_records, own_split = model or run.model_file, data["records"], data["val_split"]
        results = Workdir(output or workdir)
        if labels is not None:
            raise UserError(
                f"A run has labels of its own. Received: labels={labels!r} and the run {workdir}. "
                "Leave `labels` out."
            )
    if not (records or own_records):
        raise UserError(
            "A model without a workdir needs `records`, the folder of the records that it is "
            f"evaluated on. Received: {model} alone. Add it."
        )
    records, split = records or own_records, split or own_split
    info = DatasetInfo.load(records)
    info.num_clips(split)  # An unknown split is found before the model is opened.
    return EvaluationSubject(
        os.fspath(model), labels, run, records, split, split == own_split, info, results
    )


def run_of(model):
    """Returns the workdir that a path names, None if none, and the path of the model otherwise."""
    path = pathlib.Path(model)
    if os.path.lexists(path / "config.json"):
        return model, None
    run = Workdir(path.parent)
    is_of_run = path in (run.model_file, run.best_model_file) and run.config_file.exists()
    return (str(run.path), model) if is_of_run else (None, model)


def results_folder(model):
    """Returns the folder for the results of a model without a workdir: it lies beside the model."""
    path = pathlib.Path(model)
    name = re.sub(r"\.(keras|pth|pt|tar|pth\.tar)$", "", path.name)
    return path.with_name(f"{name}.evaluation")
