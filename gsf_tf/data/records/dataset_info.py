"""What a folder of records holds: the file `dataset_info.json` beside the shards."""

import dataclasses
import json
import os

import tensorflow as tf

from gsf_tf.data.records import object_store
from gsf_tf.errors import DataError
from gsf_tf.whole_file import write_whole_file

FILE_NAME = "dataset_info.json"


@dataclasses.dataclass
class DatasetInfo:
    """Contents and origin of a folder of records. It is written last, when all is complete.

    Attributes:
        labels: Class names in order, as in `labels.txt`.
        label_fingerprint: `LabelMap.fingerprint` of them.
        settings: What the records were made with; another run with the same settings and
            the same `source_fingerprint` gives the same bytes.
        source_fingerprint: `ClipListing.fingerprint` of the clips.
        splits: For each split `found`, `clips` (written), `quarantined`, `missing` (listed, but
            the file is not there), `published` (`None` where nobody has published a number),
            `frames`, `bytes` and `shards`, which maps each file name to its number of clips.
        source: The dataset and its version, as `Diving48 V2`.
        part_labels: Where a class is a combination, the class names of each part in order, as
            `{"verb": [...], "noun": [...]}`.
        flip_pairs: Names of the classes that swap when a clip is mirrored, `None` where nobody
            has said; `FlipRule.of` reads it.
    """

    labels: list[str]
    label_fingerprint: str
    settings: dict
    source_fingerprint: str
    splits: dict[str, dict]
    format_version: int = 1
    source: str = "folder"
    part_labels: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    flip_pairs: list[list[str]] | None = None

    def save(self, folder: str) -> None:
        """Writes `dataset_info.json` into `folder`, all of it or nothing."""
        text = json.dumps(dataclasses.asdict(self), indent=2, ensure_ascii=False)
        write_whole_file(os.path.join(folder, FILE_NAME), f"{text}\n")

    @classmethod
    @object_store.reports_store_errors
    def load(cls, folder: str) -> "DatasetInfo":
        """Reads the file that `save` wrote.

        Raises:
            DataError: When `folder` has none, it is damaged, or the folder cannot be opened.
        """
        object_store.connect(folder)
        path = os.path.join(folder, FILE_NAME)
        try:
            with tf.io.gfile.GFile(path, "r") as file:
                return cls(**json.load(file))
        except tf.errors.NotFoundError as error:
            raise DataError(
                f"A folder of records must hold `{FILE_NAME}`, which is written when all shards "
                f"are complete. Received `{folder}` without one. Run `python -m trainers.prepare` "
                "(again)."
            ) from error
        except (ValueError, TypeError, UnicodeDecodeError) as error:
            raise DataError(
                f"`{path}` must be as `trainers.prepare` wrote it. Received a damaged file "
                f"({error}). Prepare the records again."
            ) from error

    def num_clips(self, split: str) -> int:
        """Returns the number of clips in the records of `split`.

        Raises:
            DataError: When there is no such split.
        """
        return self._split(split)["clips"]

    def shard_files(self, folder: str, split: str) -> list[str]:
        """Returns the paths of the shards of `split`, for records that are in `folder`.

        Raises:
            DataError: When there is no such split.
        """
        return [os.path.join(folder, name) for name in self._split(split)["shards"]]

    def _split(self, split):
        if split not in self.splits:
            raise DataError(
                f"A split must be one of those in the records: {', '.join(self.splits)}. "
                f"Received {split!r}. Name one of them, or prepare the records with a validation "
                "part (--val_fraction)."
            )
        return self.splits[split]

    @staticmethod
    def exists(folder: str) -> bool:
        """Says whether `folder` holds a complete set of records."""
        return tf.io.gfile.exists(os.path.join(folder, FILE_NAME))
