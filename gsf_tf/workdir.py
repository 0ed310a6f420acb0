import dataclasses
import json
import os
import pathlib
import re
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

import gsf_tf
from gsf_tf.data import ClipLimits, DatasetInfo, LabelMap
from gsf_tf.data.listing.same_labels import check_same_labels
from gsf_tf.errors import DataError, UserError
from gsf_tf.files.literal_paths import check_path
from gsf_tf.files.regular_file import open_regular, parse_json
from gsf_tf.files.whole_file import write_whole_file
from gsf_tf.model_description import ModelDescription, preset_arguments
from gsf_tf.models.model_file import read_model_file, save_model_file
from gsf_tf.process_description import describe_process
from gsf_tf.run_description import read_description
from gsf_tf.tasks import ACTION, task_logits

_CHECKPOINT = re.compile(r"epoch-[0-9]+-step-[0-9]+")
_DEFAULT_LIMITS = dataclasses.asdict(ClipLimits())


class Workdir:
    """The folder that holds all files of a training run.

    | file | content |
    |---|---|
    | `config.json` | the configuration |
    | `run.json` | command, git revision, versions, label fingerprint, devices, temporal layers |
    | `labels.txt` | class names, in the order of the model's outputs |
    | `checkpoints/` | the state from which the run can continue |
    | `metrics.jsonl` | the metrics of each epoch, one per line |
    | `events/` | the metrics for TensorBoard |
    | `best.keras` | the model of the best validation so far |
    | `model.keras` | the model at the end of training |
    | `eval_<protocol>.json` | metrics of an evaluation, with its tables, pictures and scores |
    | `export/<n>/` | SavedModels |

    Args:
        path: Path of the folder; it need not exist.

    Raises:
        UserError: If the path is not UTF-8 text.
    """

    def __init__(self, path: str | os.PathLike):
        check_path("workdir", path)
        self.path = pathlib.Path(path)
        self.config_file = self.path / "config.json"
        self.run_file = self.path / "run.json"
        self.labels_file = self.path / "labels.txt"
        self.checkpoints = self.path / "checkpoints"
        self.metrics_file = self.path / "metrics.jsonl"
        self.events = self.path / "events"
        self.best_model_file = self.path / "best.keras"
        self.model_file = self.path / "model.keras"
        self.exports = self.path / "export"

    def start(
        self,
        config: Any,
        dataset_info: DatasetInfo,
        temporal_layers: Sequence[dict[str, Any]] = (),
        defaults: Any = None,
    ) -> None:
        """Writes the description of a new run, or checks that the run in the folder is the same.

        If the run continues, its description stays, and the entry `continued` gets the process that
        continues it.

        Args:
            config: `ml_collections.ConfigDict`.
            dataset_info: `DatasetInfo` of the training data.
            temporal_layers: Descriptions of the model's temporal layers, dictionaries for JSON.
            defaults: As in `check_same_run`.

        Raises:
            UserError: If the folder cannot be written, or holds a run with another configuration or
                other labels. The message lists the differences.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(
                f"`workdir` must be a folder that can be written. Received: {self.path} ({error})"
            ) from error
        labels = LabelMap(dataset_info.labels)
        # Without a checkpoint there is nothing to continue: a start that failed is overwritten.
        if self.config_file.exists() and self._has_checkpoint():
            self.check_same_run(config, dataset_info, defaults)
            run = self.read_run("continued")
            run.setdefault("continued", []).append(describe_process())
            self.write_json("run", run)
            return
        _write_text(self.labels_file, "".join(f"{name}\n" for name in labels))
        run = {
            **describe_process(),
            "num_classes": len(labels),
            "label_fingerprint": labels.fingerprint,
            "records": _describe_records(dataset_info),
            "temporal_layers": list(temporal_layers),
        }
        self.write_json("run", run)
        _write_text(self.config_file, config.to_json(indent=2))

    def _has_checkpoint(self):
        return any(_CHECKPOINT.fullmatch(path.name) for path in self.checkpoints.glob("epoch-*"))

    def check_same_run(self, config: Any, dataset_info: DatasetInfo, defaults: Any = None) -> None:
        """Checks that the run in the folder has this configuration and these training data.

        Args:
            config: `ml_collections.ConfigDict`.
            dataset_info: `DatasetInfo` of the training data.
            defaults: `ml_collections.ConfigDict` of the defaults. A run of an earlier version lacks
                the values that were added since; there it counts as having their defaults.

        Raises:
            UserError: If it does not. The message lists the differences.
        """
        defaults = {} if defaults is None else json.loads(defaults.to_json())
        self._check_same_config(json.loads(config.to_json()), _flatten(defaults))
        self.check_labels(LabelMap(dataset_info.labels), "the training data")
        self._check_same_records(dataset_info)

    def _check_same_config(self, config, defaults):
        before, now = _flatten(self.read_config()), _flatten(config)
        of_earlier_versions = _values_of_earlier_versions(before, now)
        earlier = {**defaults, **of_earlier_versions}
        stated = {**of_earlier_versions, **before}

        def value(of, key):
            # None, of an argument that only some configurations have, is the model's own value.
            return of[key] if key in of else (earlier if of is before else defaults).get(key)

        differing = [
            f"  {key}: {stated.get(key, '(absent)')!r} in the workdir, "
            f"{now.get(key, '(absent)')!r} now"
            for key in sorted(before.keys() | now.keys())
            # The path of the records may change; `_check_same_records` compares their content. The
            # papers' figures are printed, and no training depends on them.
            if value(before, key) != value(now, key)
            and key != "data.records"
            and not key.startswith("paper.")
        ]
        if differing:
            raise UserError(
                f"A run continues with the configuration it began with. {self.path} holds a run "
                "of another one:\n"
                + "\n".join(differing)
                + "\nGive the same `config` to continue it, or another `workdir` to start anew."
            )

    def _check_same_records(self, dataset_info):
        # Earlier versions had no limits.
        before = {**_DEFAULT_LIMITS, **self.read_run("records")["records"]}
        now = {**_DEFAULT_LIMITS, **_describe_records(dataset_info)}
        if before != now:
            differing = sorted(key for key in now if before.get(key) != now[key])
            raise UserError(
                "A run continues with the records it began with. Those given now differ in: "
                f"{', '.join(differing)} ({self.run_file} says what they were). Give the same "
                "records, or another `workdir` to start anew."
            )

    def read_config(self, *needs: str) -> dict[str, Any]:
        """Returns the run's configuration as a dictionary.

        Args:
            needs: Places of the values that the caller reads, such as `"data.records"`.

        Raises:
            UserError: If there is no run, the file is damaged, or one of these values is not as
                training writes it.
        """
        if not self.config_file.exists():
            raise UserError(
                f"`workdir` must be the folder of a training run. Received: {self.path}, which has "
                "no config.json. Train first; that writes it."
            )
        return read_description(self.config_file, needs)

    def read_run(self, *needs: str) -> dict[str, Any]:
        """Returns the description of the run (`run.json`) as a dictionary.

        Args:
            needs: Places of the values that the caller reads, such as `"records.short_side"`.

        Raises:
            UserError: As `read_config`.
        """
        self.read_config()
        return read_description(self.run_file, needs)

    def read_labels(self) -> LabelMap:
        """Returns the run's `LabelMap`.

        Raises:
            UserError: If the file does not exist or is no label map.
        """
        self.read_config()
        try:
            open_regular(self.labels_file).close()
        except OSError as error:
            raise UserError(
                "A run must have its labels.txt, which training has written. "
                f"Received: {self.labels_file} ({error}). Restore it from a copy."
            ) from error
        try:
            return LabelMap.load(self.labels_file)
        except DataError as error:
            raise DataError(f"{self.labels_file}: {error}") from error

    def check_labels(self, labels: LabelMap, source: str) -> None:
        """Checks that labels are those of the run's training.

        Args:
            labels: `LabelMap`.
            source: Origin of the labels, for the message, such as "the training data".

        Raises:
            UserError: If they are not. The message lists the differences.
        """
        advice = "Give data of the same classes, or train on this data in another workdir."
        check_same_labels(self.read_labels(), self.path, labels, source, advice)

    def load_model(self, path: str | os.PathLike | None = None) -> keras.Model:
        """Returns the trained model, or the model in another file of the run.

        Args:
            path: Path of a `.keras` file, such as `best_model_file`; `model.keras` by default.

        Raises:
            UserError: If training has not ended, or the file holds no model of this run.
        """
        self.read_config()
        if path is None and not self.model_file.exists():
            best = f" {self.best_model_file} is the best model so far."
            raise UserError(
                f"{self.path} has no model.keras: training has not ended there. Give the same "
                "train command again, it continues from the last checkpoint."
                f"{best if self.best_model_file.exists() else ''}"
            )
        path = pathlib.Path(path or self.model_file)
        try:
            model = read_model_file(path)
            outputs = task_logits(model.output)[ACTION].shape[-1]
            if len(model.input_shape) != 5 or None in model.input_shape[1:]:
                raise UserError(f"Its input is {model.input_shape}, not a clip [T, H, W, 3].")
        except (UserError, AttributeError, LookupError, TypeError, ValueError) as error:
            advice = (
                "Delete it and give the train command again."
                if path == self.model_file
                else "Give the path of a `.keras` file of this run."
            )
            raise UserError(
                f"{path} must be a model that gsf_tf {gsf_tf.__version__} can load. "
                f"It is not: {error} {advice}"
            ) from error
        classes = len(self.read_labels().names)
        if outputs != classes:
            raise UserError(
                "The model must have one output per label. "
                f"Received: {outputs} outputs in {path}, {classes} "
                f"labels in {self.labels_file}. One of the two files is from another run."
            )
        return model

    def describe_model(self) -> ModelDescription:
        """Returns what a program must know about the run's models beside their weights.

        Raises:
            UserError: As `read_labels`, `read_config` and `read_run`.
        """
        config = self.read_config("data.sampling", "data.frame_stride")
        records = self.read_run("records.short_side")["records"]
        sampling = {name: config["data"][name] for name in ("sampling", "frame_stride")}
        model = config.get("model")
        preset = preset_arguments(model) if isinstance(model, dict) else None
        try:
            return ModelDescription(
                self.read_labels(), records["short_side"], **sampling, preset=preset
            )
        except ValueError as error:
            raise UserError(f"{self.config_file} must be as training wrote it: {error}") from error

    def save_model(self, model: keras.Model, path: str | os.PathLike | None = None) -> None:
        """Writes a model under a temporary name and renames it.

        In the folder of a run the file gets the run's `describe_model` beside the model.

        Args:
            model: `keras.Model`.
            path: Path of the file in the folder, `model.keras` by default.

        Raises:
            UserError: If the file cannot be written.
        """
        path = path or self.model_file
        try:
            described = self.describe_model().to_text() if self.config_file.exists() else None
            save_model_file(model, path, described)
        except OSError as error:
            raise _unwritable(path, error) from error

    def read_metrics(self) -> list[dict[str, Any]]:
        """Returns the lines of `metrics.jsonl` as a list of dictionaries, one per epoch.

        Raises:
            UserError: If the file cannot be read, or a line is not as training writes it.
        """
        if not os.path.lexists(self.metrics_file):
            return []
        lines = []
        try:
            with open_regular(self.metrics_file) as file:
                for line in file:
                    metrics = parse_json(line)
                    if not isinstance(metrics, dict) or type(metrics.get("epoch")) is not int:
                        raise ValueError("it has no epoch")
                    lines.append(metrics)
        except (OSError, ValueError) as error:
            raise UserError(
                "The metrics of a run must be a JSON object with an epoch in each line. Received: "
                f"{self.metrics_file}, which is none in line {len(lines) + 1} ({error}). Remove "
                "that line, or what is in the place of the file."
            ) from error
        return lines

    def append_metrics(self, metrics: dict[str, Any]) -> None:
        """Adds the metrics of an epoch; replaces lines of this and later epochs, if there are any.

        A run that was killed may have left such lines.

        Args:
            metrics: Dictionary with `epoch` and metrics by name.
        """
        kept = [line for line in self.read_metrics() if line["epoch"] < metrics["epoch"]]
        text = "".join(json.dumps(line) + "\n" for line in [*kept, metrics])
        _write_text(self.metrics_file, text)

    def write_json(self, name: str, content: Any) -> pathlib.Path:
        """Writes `<name>.json` under a temporary name, renames it, and returns its path."""
        path = self.path / f"{name}.json"
        _write_text(path, json.dumps(content, indent=2))
        return path


def _write_text(path, text):
    try:
        write_whole_file(path, text if text.endswith("\n") else f"{text}\n")
    except tf.errors.OpError as error:
        raise _unwritable(path, error) from error


def _unwritable(path, error):
    return UserError(
        f"The folder of a run must stay writable and have room. {path} could not be written: "
        f"{error}. What was there before is intact; make room, and give the same command again."
    )


def _flatten(tree, prefix=""):
    flat = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            flat.update(_flatten(value, f"{prefix}{key}."))
        else:
            flat[prefix + key] = value
    return flat


def _values_of_earlier_versions(before, now):
    """Returns what was in effect before a value could be set, where that is not the default."""
    key = "augmentation.rand_augment_variant"
    return {key: "keras_cv" if before.get("augmentation.rand_augment") else now.get(key)}


def _describe_records(dataset_info):
    return {**dataset_info.settings, "source_fingerprint": dataset_info.source_fingerprint}
