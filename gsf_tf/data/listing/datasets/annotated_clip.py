"""One entry of a dataset's annotations."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class AnnotatedClip:
    """A clip as the annotations describe it, before its file is searched for.

    Attributes:
        file: Path of the file in the official download, relative to the videos' folder.
        label: Index of the clip's class.
        split: `train`, `val` or `test`.
        where: Annotation file and line, for messages.
        segment: Name of the part of the video, `None` if the clip is the whole file.
        start: Start of the part, in seconds.
        stop: End of the part, in seconds.
        task_labels: As in `ClipSource`.
    """

    file: str
    label: int
    split: str
    where: str
    segment: str | None = None
    start: float | None = None
    stop: float | None = None
    task_labels: tuple[int, ...] = ()
