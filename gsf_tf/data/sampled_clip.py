"""A clip that was picked out of records to look at."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class SampledClip:
    """Some frames of one clip, and what it is.

    Attributes:
        split: The split that it is in.
        data_path: Its name.
        label: Name of its class.
        num_frames: How many frames it has.
        frames: JPEGs of evenly spaced ones.
    """

    split: str
    data_path: str
    label: str
    num_frames: int
    frames: list[bytes]
