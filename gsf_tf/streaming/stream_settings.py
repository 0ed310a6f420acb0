"""How a video is read that may not end."""

import dataclasses
import math

from gsf_tf.errors import UserError
from gsf_tf.whole_numbers import is_whole


@dataclasses.dataclass(frozen=True)
class StreamSettings:
    """How a video is read that may not end.

    Args:
        rate: Frames per second that the model takes, above 0 and at most 1000.
        image_size: `(height, width)` of the model's input in pixels.
        short_side: Pixels to which the short side of larger frames is scaled before the crop.
        picture_side: Short side of the pictures for people, None for no pictures.
        gap: Seconds without a frame after which the model begins anew, above 0.
        timeout: Seconds without data after which a connection over a network counts as broken,
            above 0. A camera of this machine is waited for without an end.
        reconnects: Tries in a row that give no new frame before a stream is given up, at least 0.
        pause: Seconds before the first of them, above 0; each pause is twice the one before, up to
            30 seconds.
        queue: Frames that may wait for the model, at least 1.
        settle: Seconds for which a file in a folder must not change before it is read, at least 0.
        wait: Seconds without a new file after which a folder is at its end; None for no end.

    Raises:
        UserError: If a value is out of range.
    """

    rate: float
    image_size: tuple[int, int]
    short_side: int = 256
    picture_side: int | None = None
    gap: float = 2.0
    timeout: float = 10.0
    reconnects: int = 8
    pause: float = 1.0
    queue: int = 8
    settle: float = 2.0
    wait: float | None = None

    def __post_init__(self):
        for name in ("rate", "gap", "timeout", "pause"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise UserError(f"`{name}` must be a number above 0. Received: {name}={value}")
        if self.rate > 1000:
            raise UserError(f"`rate` must be at most 1000. Received: rate={self.rate}")
        for name, low in (("reconnects", 0), ("queue", 1)):
            value = getattr(self, name)
            if not is_whole(value, low):
                raise UserError(
                    f"`{name}` must be a whole number >= {low}. Received: {name}={value!r}"
                )
        for name in ("settle", "wait"):
            value = getattr(self, name)
            if value is not None and not value >= 0:
                raise UserError(f"`{name}` must be seconds >= 0. Received: {name}={value}")
