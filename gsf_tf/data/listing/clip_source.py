"""One labeled clip of a dataset, before it is decoded."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class ClipSource:
    """Where a clip is and what it shows.

    Attributes:
        path: The video file, the folder of a clip that is stored as numbered frames, or an image,
            a clip of one frame.
        data_path: The same, relative to the dataset's folder, with forward slashes: the
            clip's name on every machine. A part of a video has `#` and its name behind it.
        label: Index of its class.
        split: `train`, `val`, `test`, or `None` where the dataset does not say.
        start: Where the clip begins in the video, in seconds; `None` for the whole video.
        stop: Where it ends; the frame at this time is no longer in it.
        frame_rate: Frames per second of a folder of frames, which does not say itself; `None`
            where nobody has said.
        parts: Where a class is a combination, as EPIC-KITCHENS' (verb, noun): the index in
            each of `ClipListing.part_labels`, in that order.
    """

    path: str
    data_path: str
    label: int
    split: str | None = None
    start: float | None = None
    stop: float | None = None
    frame_rate: float | None = None
    parts: tuple[int, ...] = ()
