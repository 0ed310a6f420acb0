import dataclasses

from gsf_tf.training.step_totals import StepTotals


@dataclasses.dataclass
class RunState:
    """The progress of a run and its best result so far.

    Attributes:
        epoch: Current epoch, from 1; the number of epochs plus one when training has ended.
        step: Number of optimizer steps of the epoch that are done.
        totals: `StepTotals` of these steps.
        best: Dictionary with `epoch`, `top1` and `checkpoint` of the best validation so far, or
            None.
    """

    epoch: int = 1
    step: int = 0
    totals: StepTotals = dataclasses.field(default_factory=StepTotals)
    best: dict | None = None

    @classmethod
    def load(cls, saved):
        """Returns the state from a dictionary of `as_dict`."""
        return cls(saved["epoch"], saved["step"], StepTotals(saved["sums"]), saved["best"])

    def as_dict(self):
        """Returns the state as a dictionary for JSON, after the loss of all steps was checked."""
        return {
            "epoch": self.epoch,
            "step": self.step,
            "sums": self.totals.settle(),
            "best": self.best,
        }

    def next_epoch(self):
        """Moves to the beginning of the next epoch."""
        self.epoch, self.step, self.totals = self.epoch + 1, 0, StepTotals()
