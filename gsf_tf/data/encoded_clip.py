"""A decoded clip, its frames compressed again one by one."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class EncodedClip:
    """Frames ready to be stored.

    Attributes:
        frames: One JPEG per frame.
        timestamps: Microseconds since the start of the video, one per frame.
        frame_rate: Frames per second of what is kept.
        height: Height of every frame, in pixels.
        width: Width of every frame, in pixels.
    """

    frames: list[bytes]
    timestamps: list[int]
    frame_rate: float
    height: int
    width: int
