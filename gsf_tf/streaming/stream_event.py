"""Something that happened to a stream beside its frames."""

import dataclasses

# Behind these, the next frame does not follow the one before.
_BREAKS = ("begin", "gap", "end")


@dataclasses.dataclass(frozen=True)
class StreamEvent:
    """Something that happened to a stream.

    Attributes:
        kind: `"begin"` and `"end"` of a video; `"gap"` in its frames; `"size"`, its frames have
            another one; `"damaged"`, some of them were left out; `"untimed"`, they have no times;
            `"broken"`, the connection was lost and is made again; `"connected"`, the connection
            that was lost is there again; `"failed"`, nothing more comes of this video.
        text: A sentence for people.
        video: What it is about, without passwords.
        seconds: Time of the last frame before, None if there is none.
    """

    kind: str
    text: str
    video: str
    seconds: float | None

    @property
    def is_break(self) -> bool:
        """Whether the next frame does not follow the one before."""
        return self.kind in _BREAKS
