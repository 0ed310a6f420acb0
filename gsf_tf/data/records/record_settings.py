"""What decides the contents of records, beside the videos."""

import dataclasses

from gsf_tf.errors import DataError


@dataclasses.dataclass(frozen=True)
class RecordSettings:
    """How clips are stored.

    Args:
        short_side: Frames whose shorter side is larger are scaled down to it, in pixels.
        jpeg_quality: 1..100.
        max_frames: A longer clip is thinned to this many evenly spaced frames; 0 keeps all.
        clips_per_shard: Clips in one file, at most; 0 chooses as many as make it 100 to 200 MB
            large, by a sample of the clips.
        seed: Order of the clips.
    """

    short_side: int = 256
    jpeg_quality: int = 95
    max_frames: int = 0
    clips_per_shard: int = 0
    seed: int = 0

    def __post_init__(self):
        rules = (
            ("short_side", 16, 8192),
            ("jpeg_quality", 1, 100),
            ("max_frames", 0, 10**6),
            ("clips_per_shard", 0, 10**6),
        )
        for name, low, high in rules:
            value = getattr(self, name)
            if not low <= value <= high:
                raise DataError(f"`{name}` must be in {low}..{high}. Received {value}.")
