"""The description of a folder of records: the file `dataset_info.json` beside the shards."""

import dataclasses
import json
import os

import tensorflow as tf

from gsf_tf.data.records import info_rules, object_store
from gsf_tf.data.records.value_rules import BrokenRule, parse_object
from gsf_tf.errors import DataError
from gsf_tf.files.whole_file import read_small_file, write_whole_file

FILE_NAME = "dataset_info.json"

# Keys of the file that differ from the names of the attributes.
_FILE_KEYS = {"task_classes": "part_labels"}


@dataclasses.dataclass
class DatasetInfo:
    """Contents and origin of a folder of records; its file is written last, after all shards.

    Attributes:
        labels: Class names in order, as in `labels.txt`.
        label_fingerprint: `LabelMap.fingerprint` of `labels`.
        settings: The `RecordSettings` as a dictionary. Runs with the same settings and the same
            `source_fingerprint` write the same bytes.
        source_fingerprint: `ClipListing.fingerprint` of the clips.
        splits: For each split a dictionary of counts of clips: `found`, `clips` (written),
            `quarantined`, `missing` (listed in the annotations, but without a file) and
            `published` (`None` if no number is published); and of `frames`, `bytes` and `shards`,
            a dictionary from each file name to its number of clips.
        format_version: Version of this file.
        source: The dataset and its version, such as `Diving48 V2`.
        task_classes: For each task beside the action its class names in order, such as
            `{"verb": [...], "noun": [...]}`. The file has it under the key `part_labels`.
        flip_pairs: Pairs of class names that swap when a clip is mirrored, `None` if unknown.
            `FlipRule.of` reads them.
    """

    labels: list[str]
    label_fingerprint: str
    settings: dict
    source_fingerprint: str
    splits: dict[str, dict]
    format_version: int = 1
    source: str = "folder"
    task_classes: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    flip_pairs: list[list[str]] | None = None

    def save(self, folder: str) -> None:
        """Writes `dataset_info.json` into `folder`, completely or not at all."""
        values = dataclasses.asdict(self).items()
        values = {_FILE_KEYS.get(name, name): value for name, value in values}
        text = json.dumps(values, indent=2, ensure_ascii=False)
        write_whole_file(os.path.join(folder, FILE_NAME), f"{text}\n")

    @classmethod
    @object_store.reports_store_errors
    def load(cls, folder: str) -> "DatasetInfo":
        """Reads the file that `save` wrote.

        Every value is checked: its type, its range, that the shards are files of the folder itself,
        and that a shard holds at most 10**7 clips.

        Raises:
            DataError: If `folder` has no such file or cannot be opened, or if a value in the file
                breaks a rule. The message names the value and the rule.
        """
        object_store.connect(folder)
        path = os.path.join(folder, FILE_NAME)
        try:
            values = parse_object(read_small_file(path))
            for name, key in _FILE_KEYS.items():
                if key in values:
                    values[name] = values.pop(key)
            info_rules.check_values(values)
            return cls(**values)
        except tf.errors.NotFoundError as error:
            raise DataError(
                f"A folder of records must hold `{FILE_NAME}`, which is written when all shards "
                f"are complete. Received: folder={str(folder)!r}, which holds none. Write the "
                "records (again) with `gsf_tf.data.write_records`."
            ) from error
        except (BrokenRule, TypeError) as error:
            raise DataError(
                f"`{path}` must be as `gsf_tf.data.write_records` wrote it. Received: a damaged "
                f"file ({error}). Write the records again (`overwrite`)."
            ) from error

    def num_clips(self, split: str) -> int:
        """Returns the number of clips in the records of `split`.

        Raises:
            DataError: If the records have no such split.
        """
        return self._split(split)["clips"]

    def shard_files(self, folder: str, split: str) -> list[str]:
        """Returns the paths of the shards of `split`, if the records are in `folder`.

        Raises:
            DataError: If the records have no such split.
        """
        return [os.path.join(folder, name) for name in self._split(split)["shards"]]

    def _split(self, split):
        if split not in self.splits:
            raise DataError(
                f"`split` must be one of those in the records: {', '.join(self.splits)}. "
                f"Received: split={split!r}. Name one of them, or write records with a validation "
                "part (`val_fraction`)."
            )
        return self.splits[split]

    @staticmethod
    def exists(folder: str) -> bool:
        """Returns whether `folder` holds a complete set of records."""
        return tf.io.gfile.exists(os.path.join(folder, FILE_NAME))
