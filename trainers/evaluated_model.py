"""The model of a run as it is validated and saved, and a look at its batch normalization."""

import contextlib
import math

from gsf_tf.training.batch_feed import BatchFeed
from gsf_tf.training.build_dataset import build_dataset
from gsf_tf.training.derived_values import batches_per_epoch
from gsf_tf.training.step_totals import StepTotals

# Top-1 of training mode minus that of inference mode, from which on a warning is printed; with few
# clips two standard errors, which are at most sqrt(2 / clips).
GAP = 0.15


@contextlib.contextmanager
def evaluated_model(run, epoch, stoppable=True):
    """Sets the model to what is evaluated and saved, in a `with` block.

    These are the averaged weights, with statistics of batch normalization that are estimated on
    training clips if `config.batch_norm.reestimate_batches` is set. Training goes on as if nothing
    had happened: the clips depend on the seed and `epoch` only, and weights, statistics and random
    states are those from before.

    Args:
        run: `Run`.
        epoch: Number of the epoch whose first batches are taken.
        stoppable: Whether a signal ends the look at training clips.

    Yields:
        The model and a dictionary of figures; None in their place when a signal has stopped it.
    """
    settings = run.config.batch_norm
    looks = settings.reestimate_batches or settings.compare_batches
    kept = run.learner.statistics.kept() if looks else contextlib.nullcontext()
    with run.learner.averaged() as model, kept:
        yield model, look_at_training_clips(run, epoch, stoppable)


def look_at_training_clips(run, epoch, stoppable):
    """Estimates statistics, and compares training with inference mode, as the configuration says.

    Returns:
        Dictionary of the figures of the comparison, which is empty without one, or None when a
        signal has stopped it.
    """
    config, statistics = run.config, run.learner.statistics
    estimated, compared = config.batch_norm.reestimate_batches, config.batch_norm.compare_batches
    batches = min(max(estimated, compared), batches_per_epoch(config, run.info))
    # Frozen normalizations are the same in both modes.
    if not batches or not statistics.layers:
        return {}
    feed = training_clips(run, epoch)
    bar = run.progress.add_task("Batch statistics", total=batches, info="")
    totals, again = StepTotals(guard=False), []
    for number in range(batches):
        batch, _ = next(feed, (None, None))
        # Damaged records that were skipped are missing at the end.
        if batch is None:
            break
        sums = statistics.add(batch, counts=number < estimated)
        if number < compared:
            totals.add(sums, None, "training mode")
            again.append(batch)
        run.progress.advance(bar)
        if stoppable and run.stop.ask():
            return None
    run.progress.remove_task(bar)
    if estimated:
        statistics.estimate()
    else:
        statistics.restore()
    return compare_modes(run, totals, again) if again else {}


def training_clips(run, epoch):
    """Returns the batches of an epoch from its beginning, without MixUp and CutMix."""
    dataset = build_dataset(
        run.config,
        run.info,
        run.config.data.train_split,
        training=True,
        epoch=epoch,
        mixed=False,
        num_workers=run.devices.num_workers,
        worker=run.devices.worker,
    )
    return BatchFeed(run.devices.strategy, dataset)


def compare_modes(run, totals, batches):
    """Returns the figures of batches in training and in inference mode; warns if they differ.

    Args:
        run: `Run`.
        totals: `StepTotals` of the batches in training mode.
        batches: List of the batches.
    """
    inference = StepTotals(guard=False)
    for batch in batches:
        inference.add(run.learner.evaluate(batch), None, "inference mode")
    clips = totals.settle()["clips"]
    learned, inferred = totals.means(), inference.means_over(run.devices)
    if modes_differ(learned, inferred, clips):
        run.progress.console.print(mode_warning(run.config, learned, inferred, clips))
    return {
        f"{mode}_mode/{name}": means[name]
        for mode, means in (("train", learned), ("inference", inferred))
        for name in ("loss", "top1")
    }


def modes_differ(learned, inferred, clips):
    """Returns whether inference mode is worse than training mode, beyond chance.

    Args:
        learned: Dictionary with `loss` and `top1` in training mode.
        inferred: The same in inference mode.
        clips: Number of the clips.
    """
    gap = learned["top1"] - inferred["top1"]
    return gap > max(GAP, math.sqrt(2 / clips)) and inferred["loss"] > learned["loss"]


def mode_warning(config, learned, inferred, clips):
    """Returns what to do where the two modes differ."""
    settings = config.batch_norm
    remedies = [
        "start from pretrained weights and freeze the statistics (config.batch_norm.frozen=all)",
        "let the moving statistics follow faster than with config.batch_norm.momentum="
        f"{settings.momentum:g}, for example with 0.7",
    ]
    if not settings.reestimate_batches:
        remedies.insert(
            0, "estimate the statistics before each validation (config.batch_norm."
            "reestimate_batches=20)",
        )  # fmt: skip
    return (
        f"Warning: of the same {clips:.0f} training clips the model names "
        f"{learned['top1']:.0%} right with the statistics of their batches (as in training) and "
        f"{inferred['top1']:.0%} with its moving statistics (as in inference). The statistics of "
        f"batch normalization do not fit these clips. In another workdir, {'; or '.join(remedies)}."
    )
