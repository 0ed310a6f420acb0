"""The damaged records that a pipeline left out."""

import dataclasses
import logging
import threading


@dataclasses.dataclass(frozen=True)
class DamagedRecord:
    """What a person needs to look at the damage and to put it right.

    Attributes:
        file: Path of the shard.
        place: Number of the record in it, from 0.
        offset: Byte at which the record begins.
        reason: What is wrong with it.
        clips: How many clips are missing for it: 1, or all that follow in the shard where the end
            of the record cannot be found (of records without `dataset_info.json`: 1).
    """

    file: str
    place: int
    offset: int
    reason: str
    clips: int = 1

    def __str__(self):
        return f"record {self.place} of `{self.file}`, at byte {self.offset}: {self.reason}"


class DamageLog:
    """Remembers each damaged record once, however often it is met, and logs it then.

    It may be shared by datasets, as those of all epochs of a run.

    Attributes:
        records: A list of `DamagedRecord`, in the order in which they were met.

    Example:

    ```python
    dataset = video_dataset_from_records("records/val-*", on_error="skip")
    ...  # iterate
    print(dataset.damage.clips, "clips are missing", *dataset.damage.records, sep="\\n")
    ```
    """

    def __init__(self):
        self.records: list[DamagedRecord] = []
        self._known = set()
        self._lock = threading.Lock()

    @property
    def clips(self) -> int:
        """How many clips are missing."""
        return sum(record.clips for record in self.records)

    def clear(self) -> None:
        """Forgets all records."""
        with self._lock:
            self.records.clear()
            self._known.clear()

    def add(self, record: DamagedRecord) -> None:
        """Takes in a record, and logs a warning if it is new."""
        with self._lock:
            if (record.file, record.place) in self._known:
                return
            self._known.add((record.file, record.place))
            self.records.append(record)
        logging.getLogger(__name__).warning("A damaged record is left out: %s", record)
