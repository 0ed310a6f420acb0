"""One line of a dataset's annotations."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class AnnotatedClip:
    """What the annotations say of a clip, before its file is looked for.

    Attributes:
        file: Where the file is in the official download, relative to the videos' folder.
        label: Index of its class.
        split: `train`, `val` or `test`.
        where: Annotation file and line, for messages.
        segment: Name of the part of the video, `None` for a whole file.
        start: Where the part begins, in seconds.
        stop: Where it ends.
        parts: As in `ClipSource`.
    """

    file: str
    label: int
    split: str
    where: str
    segment: str | None = None
    start: float | None = None
    stop: float | None = None
    parts: tuple[int, ...] = ()
