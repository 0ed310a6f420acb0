import dataclasses


@dataclasses.dataclass(frozen=True)
class PaperRow:
    """The results that a paper prints for one experiment: top-1 in percent, as printed.

    Args:
        source: Paper and table, such as `"GSF paper, Table 8"`; empty if no paper has the row.
        efficiency: Top-1 of 1 clip x 1 center crop.
        accuracy: Top-1 of 2 clips x 3 crops.
        kinetics: Top-1 of 10 clips x 3 crops.
        note: What else the reader of the table must know.
    """

    source: str = ""
    efficiency: float | None = None
    accuracy: float | None = None
    kinetics: float | None = None
    note: str = ""

    @property
    def top1(self):
        """Top-1 by protocol, the protocol with the fewest views first."""
        names = ("efficiency", "accuracy", "kinetics")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}


NOT_IN_PAPER = PaperRow(note="not a row of the paper")
