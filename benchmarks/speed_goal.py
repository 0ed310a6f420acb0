import dataclasses

from benchmarks.interleave import median_ratio


@dataclasses.dataclass(frozen=True)
class SpeedGoal:
    """A limit on the time of one candidate over that of others in the same rounds.

    Attributes:
        text: What is compared, for the table.
        candidate: Name of the candidate.
        rivals: Names of those it is compared with. Of several the fastest counts; one that was not
            measured is left out.
        limit: Largest allowed ratio of the times.
    """

    text: str
    candidate: str
    rivals: tuple
    limit: float

    def ratio(self, seconds):
        """Returns the ratio to the fastest rival, or None where one side was not measured.

        Args:
            seconds: Dictionary from names of candidates to their seconds per round.
        """
        rivals = [name for name in self.rivals if name in seconds]
        if self.candidate not in seconds or not rivals:
            return None
        return max(median_ratio(seconds[self.candidate], seconds[name]) for name in rivals)

    def verdict(self, seconds):
        """Returns the cells of the goal's row: text, goal, result and "met" or "missed"."""
        ratio = self.ratio(seconds)
        if ratio is None:
            return self.text, f"<= {self.limit:.2f}", "-", "not measured"
        return (
            self.text,
            f"<= {self.limit:.2f}",
            f"{ratio:.2f}",
            "met" if ratio <= self.limit else "missed",
        )
