import dataclasses

# Clips x crops.
PROTOCOLS = {"efficiency": (1, 1), "accuracy": (2, 3), "kinetics": (10, 3)}


@dataclasses.dataclass(frozen=True)
class Protocol:
    """The views of a video that are scored: a number of clips, and of crops of each clip.

    Args:
        clips: Clips per video, evenly spaced in time; at least 1.
        crops: Crops of each clip, evenly spaced; at least 1.
        full_short_side: Whether crops cover the whole short side, instead of 224 / 256 of it.
        crops_along: Where several crops lie: along the `"longer_side"` of the frame, or along its
            `"width"` also where it is upright, as in the code of both papers' authors.

    Reference:
        GSF paper, section 4.1: the efficiency protocol is the center crop of one clip; the accuracy
        protocol is three crops of two clips, or of ten clips on Kinetics. RubiksNet paper, section
        4.2: "1-clip" is the efficiency protocol, "2-clip" the accuracy protocol.
    """

    clips: int = 1
    crops: int = 1
    full_short_side: bool = False
    crops_along: str = "longer_side"

    @classmethod
    def named(
        cls, name: str, full_short_side: bool = False, crops_along: str = "longer_side"
    ) -> "Protocol":
        """Returns one of the papers' protocols.

        Args:
            name: `"efficiency"` (1 clip x 1 crop), `"accuracy"` (2 x 3) or `"kinetics"` (10 x 3).
            full_short_side: As in `Protocol`.
            crops_along: As in `Protocol`.
        """
        return cls(*PROTOCOLS[name], full_short_side, crops_along)

    @property
    def name(self) -> str:
        """Name of the papers' protocol or `"<clips>x<crops>"`.

        With full crops, `_full` follows; with crops along the width, `_width`.
        """
        views = (self.clips, self.crops)
        names = {value: name for name, value in PROTOCOLS.items()}
        name = names.get(views, f"{self.clips}x{self.crops}")
        return name + "_full" * self.full_short_side + "_width" * (self.crops_along == "width")

    @property
    def views(self) -> int:
        """Number of views of a video, clips times crops."""
        return self.clips * self.crops

    def matches(self, name: str) -> bool:
        """Returns whether the protocol `name` has the same numbers of clips and crops."""
        return (self.clips, self.crops) == PROTOCOLS.get(name)
