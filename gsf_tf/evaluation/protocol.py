import dataclasses

# Clips x crops.
PROTOCOLS = {"efficiency": (1, 1), "accuracy": (2, 3), "kinetics": (10, 3)}


@dataclasses.dataclass(frozen=True)
class Protocol:
    """Which views of a video are scored.

    Args:
        clips: Clips per video, evenly placed; at least 1.
        crops: Crops of each clip, evenly spaced along the longer side; at least 1.
        full_short_side: Crops reach over the whole short side, instead of 224 of its 256 parts.

    Reference:
        GSF paper, section 4.1: the efficiency protocol is the center crop of one clip, the
        accuracy protocol three crops of two clips, on Kinetics of ten. RubiksNet paper, section
        4.2: "1-clip" is the first, "2-clip" the second.
    """

    clips: int = 1
    crops: int = 1
    full_short_side: bool = False

    @classmethod
    def named(cls, name, full_short_side=False):
        """Returns the protocol `"efficiency"`, `"accuracy"` or `"kinetics"`."""
        return cls(*PROTOCOLS[name], full_short_side)

    @property
    def name(self):
        """Name of the papers' protocol, or clips and crops as `4x3`; `_full` says which crops."""
        views = (self.clips, self.crops)
        names = {value: name for name, value in PROTOCOLS.items()}
        return names.get(views, f"{self.clips}x{self.crops}") + "_full" * self.full_short_side

    @property
    def views(self):
        """Views of a video."""
        return self.clips * self.crops

    def matches(self, name):
        """Says whether these are as many clips and crops as those of the protocol `name`."""
        return (self.clips, self.crops) == PROTOCOLS.get(name)
