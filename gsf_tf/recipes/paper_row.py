import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True)
class PaperRow:
    """The results that the papers print for one experiment: top-1 in percent, as printed.

    Args:
        source: Paper and table, such as `"GSF paper, Table 8"`; empty if no paper has the row.
        efficiency: Top-1 of 1 clip x 1 center crop.
        accuracy: Top-1 of 2 clips x 3 crops.
        kinetics: Top-1 of 10 clips x 3 crops.
        tasks: Top-1 of the tasks beside the action by their names, of a row with one protocol.
        also: `PaperRow`s of further tables that have the same experiment.
        note: What else the reader of the table must know.
    """

    source: str = ""
    efficiency: float | None = None
    accuracy: float | None = None
    kinetics: float | None = None
    tasks: dict[str, float] = dataclasses.field(default_factory=dict)
    also: tuple["PaperRow", ...] = ()
    note: str = ""

    @property
    def top1(self) -> dict[str, float]:
        """Top-1 by protocol, the protocol with the fewest views first."""
        names = ("efficiency", "accuracy", "kinetics")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}

    @property
    def results(self) -> tuple[dict[str, Any], ...]:
        """All results, those of `also` at the end, as a configuration keeps them.

        Each is a dictionary with `source`, `protocol`, `top1` and, for each of the tasks, such as
        the verb, `verb_top1`; with `note` if the row has one.
        """
        note = {"note": self.note} if self.note else {}
        tasks = {f"{task}_top1": top1 for task, top1 in self.tasks.items()}
        own = tuple(
            {"source": self.source, "protocol": protocol, "top1": top1, **tasks, **note}
            for protocol, top1 in self.top1.items()
        )
        return own + tuple(result for row in self.also for result in row.results)


NOT_IN_PAPER = PaperRow(note="not a row of the paper")
