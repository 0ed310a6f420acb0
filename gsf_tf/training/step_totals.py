import math

from gsf_tf.errors import UserError

# The loss of random guesses is log(classes), below 10; only diverged weights reach such a loss.
LARGEST_LOSS = 1000.0


class StepTotals:
    """Adds up the results of the steps of an epoch, and stops a run whose loss diverges.

    The loss of a step is checked after the next step was started, so that the device never waits
    for the host. `settle` checks the last step; call it before a checkpoint is written.

    Args:
        sums: Sums of earlier steps of the epoch, from a checkpoint.
        guard: Whether a diverged loss is an error, as in training. In evaluation it is not: before
            the moving statistics have settled, losses can be large.
    """

    def __init__(self, sums=None, guard=True):
        self._guard = guard
        self._sums = dict(sums or {})
        self._pending = None

    def add(self, sums, ids, place):
        """Adds the sums of a batch.

        Args:
            sums: Dictionary of scalar tensors that a step returned.
            ids: String tensor with the ids of the clips in the batch, or None.
            place: Description of the batch for messages, such as "epoch 3, step 17".
        """
        pending, self._pending = self._pending, (sums, ids, place)
        if pending:
            self._settle(*pending)

    def settle(self):
        """Returns the sums of all batches so far, as floats.

        Raises:
            UserError: If the loss or a gradient of a batch is not finite, or the loss is too large.
        """
        if self._pending:
            self._settle(*self._pending)
            self._pending = None
        return dict(self._sums)

    def means(self):
        """Returns the means over the clips."""
        sums = self.settle()
        if not sums:
            raise UserError("A split must have at least one batch of clips. Received: no batch.")
        clips = sums.pop("clips")
        return {name: value / clips for name, value in sums.items()}

    def means_over(self, devices):
        """Returns the means over the clips of all workers, which must call this together."""
        sums = self.settle()
        totals = StepTotals(dict(zip(sums, devices.sum(list(sums.values())).tolist(), strict=True)))
        return totals.means()

    @property
    def mean_loss(self):
        """Mean loss of the batches that were checked, None before the first."""
        return self._sums["loss"] / self._sums["clips"] if self._sums else None

    def _settle(self, sums, ids, place):
        sums = {name: float(value) for name, value in sums.items()}
        broken, loss = sums.pop("broken", 0.0), sums["loss"] / sums["clips"]
        if self._guard and (broken or not math.isfinite(loss) or loss > LARGEST_LOSS):
            what = (
                f"it is {loss:.4g}"
                if not broken or not math.isfinite(loss)
                else f"it is {loss:.4g}, but a gradient is not finite"
            )
            names = "" if ids is None else f" Its clips: {', '.join(_names(ids))}."
            raise UserError(
                f"The loss must stay finite and below {LARGEST_LOSS:g}. In {place} {what}.{names} "
                "The checkpoints from before are good. Look at these clips, or try a lower "
                "`config.optimizer.learning_rate` in another workdir."
            )
        for name, value in sums.items():
            self._sums[name] = self._sums.get(name, 0.0) + value


def _names(ids):
    return [name.decode("utf-8", "replace") for name in ids.numpy().tolist()]
