"""The settings that decide, together with the videos, what the records hold."""

import dataclasses

from gsf_tf.data.video.clip_limits import ClipLimits
from gsf_tf.errors import DataError
from gsf_tf.whole_numbers import is_whole

# What 64 bits hold, with a sign.
MAX_NUMBER = 2**63 - 1


@dataclasses.dataclass(frozen=True)
class RecordSettings:
    """How clips are stored in records.

    Args:
        short_side: Pixels, 16..8192. Frames whose shorter side is larger are scaled down to it.
        jpeg_quality: JPEG quality of the stored frames, 1..100.
        max_frames: From a longer clip, only this many evenly spaced frames are stored; 0 stores
            all.
        clips_per_shard: Largest number of clips in one file. 0 chooses the number so that files
            have 100 to 200 MB, from the size of a sample of the clips.
        seed: Decides the order of the clips in the shards; a whole number of 64 bits.
        max_clip_pixels: As in `ClipLimits`. A clip beyond it is left out.
        max_clip_seconds: As in `ClipLimits`. A clip beyond it is left out.

    Raises:
        DataError: If a value is outside its range.
    """

    short_side: int = 256
    jpeg_quality: int = 95
    max_frames: int = 0
    clips_per_shard: int = 0
    seed: int = 0
    max_clip_pixels: int = ClipLimits.max_clip_pixels
    max_clip_seconds: float = ClipLimits.max_clip_seconds

    @property
    def limits(self) -> ClipLimits:
        """How much work a clip may be."""
        return ClipLimits(self.max_clip_pixels, self.max_clip_seconds)

    def __post_init__(self):
        rules = (
            ("short_side", 16, 8192),
            ("jpeg_quality", 1, 100),
            ("max_frames", 0, 10**6),
            ("clips_per_shard", 0, 10**6),
            ("seed", -MAX_NUMBER, MAX_NUMBER),
        )
        for name, low, high in rules:
            value = getattr(self, name)
            # The settings are written as JSON, which knows no numbers of NumPy.
            if not (isinstance(value, int) and is_whole(value, low, high)):
                raise DataError(
                    f"`{name}` must be a whole number in {low}..{high}. Received: {name}={value!r}"
                )
        _ = self.limits  # Checks its values.
