"""The clips that go into one file."""

import dataclasses

from gsf_tf.data.clip_source import ClipSource


@dataclasses.dataclass(frozen=True)
class PlannedShard:
    """One shard before it is written.

    Attributes:
        name: Its file's name.
        split: The split that it is a part of.
        clips: Its clips, in their order.
    """

    name: str
    split: str
    clips: tuple[ClipSource, ...]
