"""What is known of a video before its frames are decoded."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class VideoInfo:
    """Properties of a video file as it is shown.

    Attributes:
        num_frames: Packets in the video stream, which is the number of frames unless the
            stream is damaged or stores fields.
        height: Height of the upright picture, in pixels.
        width: Width of the upright picture, in pixels.
        frame_rate: Average frames per second, 0.0 where the file does not say.
        rotation: Turn that the file asks the player for, in degrees counterclockwise,
            -180..180; already applied to `height` and `width`.
    """

    num_frames: int
    height: int
    width: int
    frame_rate: float
    rotation: int
