"""A decoded clip, its frames compressed again one by one."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class EncodedClip:
    """Frames ready to be stored.

    Attributes:
        frames: One JPEG per frame.
        timestamps: Microseconds since the start of the video, one per frame; of the whole video
            where the clip is a part of one.
        frame_rate: Frames per second of what is kept.
        height: Height of every frame, in pixels.
        width: Width of every frame, in pixels.
        index_base: Number of the first frame in the source: 0 for a video, the number in its
            file's name for a folder of frames.
    """

    frames: list[bytes]
    timestamps: list[int]
    frame_rate: float
    height: int
    width: int
    index_base: int = 0
