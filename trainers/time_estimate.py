"""How long a run will take, measured on its own first steps before it begins."""

import itertools
import math
import time

from gsf_tf.data import DamageLog
from gsf_tf.training.batch_feed import BatchFeed
from gsf_tf.training.build_dataset import build_dataset
from gsf_tf.training.derived_values import batches_per_epoch, clips_per_step
from gsf_tf.training.step_totals import StepTotals

# A forward pass is a third of a step: the backward pass has two products for each of its products.
FORWARD = 1 / 3


def measure_and_tell(config, info, devices, learner, state, steps, console):
    """Prints the expected time of the epochs that are left, if `config.estimate_steps` is set.

    The steps are those that training will take, with all layers. Afterwards all variables are put
    back.

    Args:
        config: Configuration of the run.
        info: `DatasetInfo` of its records.
        devices: `Devices` that it trains on.
        learner: `Learner`.
        state: `RunState`.
        steps: Optimizer steps of an epoch.
        console: Where the line is printed.
    """
    wanted = min(config.estimate_steps, steps - 1)
    if wanted < 1 or state.epoch > config.epochs:
        return
    feed = first_batches(config, info, devices, state.epoch)
    totals, accumulated = StepTotals(guard=False), config.optimizer.accumulate_steps
    began = time.monotonic()
    batches = list(itertools.islice(feed, accumulated))
    start_seconds = time.monotonic() - began
    with learner.rehearsal():
        # The first step is traced and compiled.
        learner.take_step(batches, totals, "rehearsal")
        totals.settle()
        began, taken = time.monotonic(), 0
        while taken < wanted:
            batches = list(itertools.islice(feed, accumulated))
            # Damaged records that were skipped are missing at the end.
            if len(batches) < accumulated:
                break
            learner.take_step(batches, totals, "rehearsal")
            totals.settle()
            taken += 1
        step_seconds = (time.monotonic() - began) / max(taken, 1)
    if taken:
        seconds = expected_seconds(config, info, state, steps, start_seconds, step_seconds)
        console.print(estimate_line(config, state, steps, seconds, step_seconds))


def first_batches(config, info, devices, epoch):
    """Returns the batches of an epoch from its beginning."""
    dataset = build_dataset(
        config,
        info,
        config.data.train_split,
        training=True,
        epoch=epoch,
        num_workers=devices.num_workers,
        worker=devices.worker,
        damage=DamageLog(),
    )
    return BatchFeed(devices.strategy, dataset)


def expected_seconds(config, info, state, steps, start_seconds, step_seconds):
    """Returns the seconds for the rest of a run.

    Args:
        config, info, state, steps: As in `measure_and_tell`.
        start_seconds: Seconds until the first batch of an epoch is there.
        step_seconds: Seconds of a step.
    """
    settings = config.batch_norm
    epochs = range(state.epoch, config.epochs + 1)
    validations = sum(e % config.eval_every_epochs == 0 or e == config.epochs for e in epochs)
    looked_at = min(
        max(settings.reestimate_batches, settings.compare_batches), batches_per_epoch(config, info)
    )
    passes = looked_at + min(settings.compare_batches, looked_at)
    clips = info.num_clips(config.data.val_split) + passes * config.data.batch_size
    frozen = len(range(state.epoch, config.freeze_backbone_epochs + 1))
    frozen_steps = max(0, frozen * steps - state.step)
    other_steps = len(epochs) * steps - state.step - frozen_steps
    return (
        # With a frozen backbone there is next to nothing behind the forward pass.
        (other_steps + frozen_steps * FORWARD) * step_seconds
        + (len(epochs) + validations) * start_seconds
        + validations * clips * FORWARD * step_seconds / clips_per_step(config)
    )


def estimate_line(config, state, steps, seconds, step_seconds):
    """Returns what is told before the run."""
    epochs, clips = config.epochs + 1 - state.epoch, clips_per_step(config)
    most = " at most, if it does not stop early" if config.early_stopping_epochs else ""
    return (
        f"Expected time: {in_words(seconds)}{most}, for {epochs} epochs of {steps} steps of "
        f"{step_seconds:.2g} s ({clips / step_seconds:.2g} clips/s)"
    )


def in_words(seconds):
    """Returns a time as a text such as "about 42 min"."""
    if seconds < 90:
        return f"about {max(1, math.ceil(seconds))} s"
    if seconds < 90 * 60:
        return f"about {seconds / 60:.0f} min"
    return f"about {seconds / 3600:.1f} h"
