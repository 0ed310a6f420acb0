"""How much work a clip may be."""

import dataclasses

from gsf_tf.errors import DataError
from gsf_tf.whole_numbers import is_whole

# The system's clocks take no more than 24 days.
_MOST_SECONDS = 10**6


@dataclasses.dataclass(frozen=True)
class ClipLimits:
    """How much work a clip may be, so that no single file takes a day or the memory of a machine.

    A clip that reaches a limit is a `VideoError`. The pixels of a single picture have a limit that
    is no setting, 2**26 (8K video has 2**25).

    Args:
        max_clip_pixels: Pixels of all frames that are decoded for a clip, together, in
            1..2**63 - 1. The default is enough for 40 minutes of 1920 x 1080 pixels at 60 frames
            per second.
        max_clip_seconds: Seconds for reading and decoding a clip, above 0 and at most 10**6, on the
            clock and not of the processor.

    Raises:
        DataError: If a value is outside its range.
    """

    max_clip_pixels: int = 300_000_000_000
    max_clip_seconds: float = 600.0

    def __post_init__(self):
        if not (isinstance(self.max_clip_pixels, int) and is_whole(self.max_clip_pixels, 1)):
            raise DataError(
                "`max_clip_pixels` must be a whole number in 1..2**63 - 1. Received: "
                f"max_clip_pixels={self.max_clip_pixels!r}"
            )
        seconds = self.max_clip_seconds
        is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
        if not (is_number and 0 < seconds <= _MOST_SECONDS):
            raise DataError(
                "`max_clip_seconds` must be a number above 0 and at most 1000000. Received: "
                f"max_clip_seconds={seconds!r}"
            )
