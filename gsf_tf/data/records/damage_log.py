"""A log of the damaged records that a pipeline left out."""

import dataclasses
import logging
import os
import threading
from collections.abc import Iterable


@dataclasses.dataclass(frozen=True)
class DamagedRecord:
    """A damaged record: where it is and what is wrong with it.

    Attributes:
        file: Path of the shard.
        index: Index of the record in the shard, from 0.
        offset: Byte of the shard at which the record begins.
        reason: A phrase that says what is wrong with the record.
        clips: Number of clips lost to the damage: 1, or all that follow in the shard if the end of
            the record cannot be found (then 1 too if there is no `dataset_info.json`).
    """

    file: str
    index: int
    offset: int
    reason: str
    clips: int = 1

    def __str__(self):
        return f"record {self.index} of `{self.file}`, at byte {self.offset}: {self.reason}"


class DamageLog:
    """Collects damaged records, each once, and logs a warning for each new one.

    Several datasets may share a log, such as those of all epochs of a run.

    Args:
        records: `DamagedRecord`s that are known already; no warning is logged for them.

    Attributes:
        records: The `DamagedRecord`s, in the order in which they were added.

    Example:

    ```python
    dataset = gsf_tf.data.video_dataset_from_records("records/val-*", on_error="skip")
    for clips, labels in dataset:
        ...
    print(dataset.damage.clips, "clips are lost", *dataset.damage.records, sep="\\n")
    ```
    """

    def __init__(self, records: Iterable[DamagedRecord] = ()):
        self.records: list[DamagedRecord] = list(records)
        self._known = {(record.file, record.index) for record in self.records}
        self._lock = threading.Lock()

    @property
    def clips(self) -> int:
        """Number of clips that are lost to the damage."""
        return sum(record.clips for record in self.records)

    def in_folder(self, folder: str | os.PathLike) -> "DamageLog":
        """Returns a log of the same records, whose shards are in another folder now.

        Args:
            folder: Path of the folder.
        """
        return DamageLog(
            dataclasses.replace(record, file=os.path.join(folder, os.path.basename(record.file)))
            for record in self.records
        )

    def clear(self) -> None:
        """Removes all records from the log."""
        with self._lock:
            self.records.clear()
            self._known.clear()

    def has(self, file: str, index: int) -> bool:
        """Returns whether a record is in the log.

        Args:
            file: Path of the shard.
            index: Index of the record in the shard.
        """
        with self._lock:
            return (file, index) in self._known

    def add(self, record: DamagedRecord) -> None:
        """Adds a record and logs a warning, unless the log has the record already."""
        with self._lock:
            if (record.file, record.index) in self._known:
                return
            self._known.add((record.file, record.index))
            self.records.append(record)
        logging.getLogger(__name__).warning("A damaged record is left out: %s", record)
