"""A record that cannot be used, and where it is."""

import dataclasses


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
