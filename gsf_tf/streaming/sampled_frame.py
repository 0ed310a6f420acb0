"""A frame of a stream on its way to the model."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class SampledFrame:
    """The frame of one tick.

    Attributes:
        video: What it is from, without passwords.
        tick: Number of the tick, from 0 at the start of the video.
        seconds: Time of the tick since the start of the video.
        received: Seconds since 1970 at which the frame came.
        pixels: Input of the model, uint8 `[H, W, 3]`.
        picture: The whole frame for people, uint8 `[h, w, 3]`, if asked for.
    """

    video: str
    tick: int
    seconds: float
    received: float
    pixels: np.ndarray
    picture: np.ndarray | None
