import dataclasses

from gsf_tf.data import DamagedRecord, DamageLog
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
        left_out: Number of batches of the epoch that were left out so far, because all their clips
            are damaged.
        damage: `DamageLog` of the records that the run has left out.
    """

    epoch: int = 1
    step: int = 0
    totals: StepTotals = dataclasses.field(default_factory=StepTotals)
    best: dict | None = None
    left_out: int = 0
    damage: DamageLog = dataclasses.field(default_factory=DamageLog)

    @classmethod
    def load(cls, saved):
        """Returns the state from a dictionary of `as_dict`."""
        left_out = saved.get("left_out", {"batches": 0, "records": []})
        return cls(
            saved["epoch"],
            saved["step"],
            StepTotals(saved["sums"]),
            saved["best"],
            left_out["batches"],
            DamageLog(DamagedRecord(**record) for record in left_out["records"]),
        )

    def as_dict(self):
        """Returns the state as a dictionary for JSON, after the loss of all steps was checked."""
        state = {
            "epoch": self.epoch,
            "step": self.step,
            "sums": self.totals.settle(),
            "best": self.best,
        }
        if self.damage.records:
            records = [dataclasses.asdict(record) for record in self.damage.records]
            state["left_out"] = {"batches": self.left_out, "records": records}
        return state

    def next_epoch(self):
        """Moves to the beginning of the next epoch."""
        self.epoch, self.step, self.totals = self.epoch + 1, 0, StepTotals()
        self.left_out = 0
