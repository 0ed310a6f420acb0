"""A clip whose frames have been decoded and compressed again, one by one."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class EncodedClip:
    """Frames ready to be stored.

    Attributes:
        frames: One JPEG per frame.
        timestamps: Time of each frame in microseconds since the start of the video. If the clip is
            a part of a video, times still count from the start of that video.
        frame_rate: Frames per second of the stored frames, 0.0 if unknown.
        height: Height of every frame, in pixels.
        width: Width of every frame, in pixels.
        index_base: Number of the first frame: 0 for a video; for a folder of frames, the number in
            the name of its first file.
    """

    frames: list[bytes]
    timestamps: list[int]
    frame_rate: float
    height: int
    width: int
    index_base: int = 0
