"""One labelled clip of a data set, before it is decoded."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class ClipSource:
    """Where a clip is and what it shows.

    Attributes:
        path: The video file.
        data_path: The same, relative to the data set's folder, with forward slashes: the
            clip's name on every machine.
        label: Index of its class.
        split: `train`, `val`, `test`, or `None` where the data set does not say.
    """

    path: str
    data_path: str
    label: int
    split: str | None = None
