import dataclasses

from gsf_tf.training.step_totals import StepTotals


@dataclasses.dataclass
class RunState:
    """Where a run is, and what it has found so far.

    Attributes:
        epoch: Epoch that is going on, from 1; one more than there are when training has ended.
        step: Optimizer steps of it that are done.
        totals: `StepTotals` of those steps.
        best: `epoch`, `top1` and `checkpoint` of the best validation so far, or None.
    """

    epoch: int = 1
    step: int = 0
    totals: StepTotals = dataclasses.field(default_factory=StepTotals)
    best: dict | None = None

    @classmethod
    def load(cls, saved):
        """Returns the state that `as_dict` gave."""
        return cls(saved["epoch"], saved["step"], StepTotals(saved["sums"]), saved["best"])

    def as_dict(self):
        """Returns the state ready for JSON, all steps looked at."""
        return {
            "epoch": self.epoch,
            "step": self.step,
            "sums": self.totals.settle(),
            "best": self.best,
        }

    def next_epoch(self):
        """Moves to the beginning of the next epoch."""
        self.epoch, self.step, self.totals = self.epoch + 1, 0, StepTotals()
