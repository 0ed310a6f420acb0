"""Trains a segment model on records and keeps all of the run in a workdir.

  python -m trainers.train --config=configs/smoke.py --workdir=runs/smoke
  python -m trainers.train --config=configs/folder.py:gsf_mobilenetv2 \\
      --config.data.records=my_records --workdir=runs/mine

Any value of the configuration can be set with --config.NAME=VALUE; a name that it does not have is
an error. configs/recipes/defaults.py lists all values. All GPUs that TensorFlow sees are used, or
the CPU; with TF_CONFIG in the environment, those of several machines (docs/training.md). --dry_run
says what would be trained, draws the first batch to dry_run.png and stops.

Given again with the same workdir, the command continues from the newest checkpoint, in the middle
of an epoch too (--config.checkpoint.every_steps). On a CPU in float32 it ends with exactly the
weights of a run that was never stopped.

SIGTERM and Ctrl-C write a checkpoint after the step that is running and end with the exit status
143 and 130; a second one ends at once. Status 1 is an error that the message explains. Watch a run
with: tensorboard --logdir=runs/mine/events
"""

import itertools
import math
import os
import subprocess
import sys

from absl import flags
from ml_collections import config_flags

from gsf_tf.data import DamageLog, DatasetInfo, LabelMap
from gsf_tf.errors import UserError
from gsf_tf.training.batch_feed import BatchFeed
from gsf_tf.training.build_dataset import build_dataset
from gsf_tf.training.check_config import check_config
from gsf_tf.training.checkpoints import Checkpoints, checkpoint_name
from gsf_tf.training.derived_values import clips_per_step
from gsf_tf.training.devices import Devices
from gsf_tf.training.initialize_from import initialize_from
from gsf_tf.training.learner import Learner
from gsf_tf.training.learning_rates import learning_rates
from gsf_tf.training.metrics_log import MetricsLog
from gsf_tf.training.pace import Pace
from gsf_tf.training.run_state import RunState
from gsf_tf.training.shared_workdir import restore_checkpoint, start_workdir
from gsf_tf.training.shift_metrics import shift_metrics
from gsf_tf.training.step_totals import StepTotals
from gsf_tf.training.stop_request import StopRequest
from gsf_tf.training.temporal_layers import temporal_layers
from gsf_tf.workdir import Workdir
from trainers import cli
from trainers.train_report import describe_run, draw_first_batch, epoch_line, headline

_CONFIG = config_flags.DEFINE_config_file(
    "config", None, "Path of a configuration, configs/NAME.py or configs/NAME.py:PRESET."
)
_WORKDIR = flags.DEFINE_string("workdir", None, "Folder of the run; continued if it has one.")
_DRY_RUN = flags.DEFINE_bool("dry_run", False, "Say what would be trained, and stop.")
flags.mark_flags_as_required(["config", "workdir"])


def main(_):
    return train(_CONFIG.value, Workdir(_WORKDIR.value), cli.console(), _DRY_RUN.value)


def train(config, workdir, console, dry_run=False):
    """Trains, or continues to; returns the exit status, None where training has ended."""
    devices = Devices.choose(console.print)
    with devices.watched():
        status = train_on(devices, config, workdir, console, dry_run)
        devices.leave()
        return status


def train_on(devices, config, workdir, console, dry_run=False):
    """Trains on given devices; on each worker of them if there are several."""

    # ---- Data -------------------------------------------------------------------------------
    wants_clips = config.data.demo_clips and not DatasetInfo.exists(config.data.records)
    if wants_clips and devices.is_chief:
        make_demo_records(config.data)
    devices.wait()
    info = DatasetInfo.load(config.data.records)
    check_config(config, info, devices)
    steps = info.num_clips(config.data.train_split) // clips_per_step(config)

    # ---- Model and optimizer ----------------------------------------------------------------
    learner = Learner(config, info, devices, steps)
    console.print(headline(config, info, learner.model, devices))
    if dry_run:
        if devices.is_chief:
            describe_run(config, learner, steps, console)
            draw_first_batch(config, info, workdir.path / "dry_run.png", console)
        return None

    # ---- Checkpoint -------------------------------------------------------------------------
    start_workdir(workdir, devices, config, info, temporal_layers(learner.model))
    checkpoints = Checkpoints(
        workdir.checkpoints, learner.checkpoint, config.checkpoint.keep, devices.is_chief
    )
    state = restore_checkpoint(checkpoints, devices, console.print)
    if state:
        console.print(f"Continuing in epoch {state.epoch} after {state.step} of {steps} steps")
    elif config.init:
        labels = LabelMap(info.labels)
        console.print(str(initialize_from(learner.model, config.init, labels)))
    learner.begin(is_new=state is None)
    state = state or RunState()

    # ---- Epochs -----------------------------------------------------------------------------
    log, damage = MetricsLog(workdir), DamageLog()
    with StopRequest(devices) as stop, cli.progress(console) as progress:
        bar = progress.add_task("Training", total=config.epochs * steps, info="")
        while state.epoch <= config.epochs and not stop.signal:
            feed = train_feed(config, info, devices, state, damage)
            pace = Pace(feed)
            for batches in steps_of(feed, config, state, steps):
                place = f"epoch {state.epoch}, step {state.step + 1}"
                learner.take_step(batches, state.totals, place)
                state.step += 1
                pace.add(clips_per_step(config))
                progress.update(
                    bar,
                    completed=(state.epoch - 1) * steps + state.step,
                    description=f"Epoch {state.epoch}/{config.epochs}",
                    info=pace.text(state.totals.mean_loss),
                )
                if stop.ask():
                    break
                if is_due(config.checkpoint.every_steps, state.step, steps):
                    checkpoints.save(state)
            if stop.signal:
                break
            metrics = {"epoch": state.epoch, "step": state.epoch * steps, **pace.metrics()}
            metrics.update(named("train", state.totals.means()))
            metrics["input/damaged_clips"] = damage.clips
            metrics.update(**learning_rates(learner.optimizer), **shift_metrics(learner.model))
            if state.epoch % config.eval_every_epochs == 0 or state.epoch == config.epochs:
                with learner.averaged() as model:
                    means = validate(config, info, devices, learner.evaluate, progress, stop)
                    if stop.signal:
                        break
                    metrics.update(named("val", means))
                    if state.best is None or means["top1"] > state.best["top1"]:
                        if devices.is_chief:
                            workdir.save_model(model, workdir.best_model_file)
                        state.best = {
                            "epoch": state.epoch,
                            "top1": means["top1"],
                            "checkpoint": checkpoint_name(state.epoch + 1, 0),
                        }
            if devices.is_chief:
                log.append(metrics)
            state.next_epoch()
            checkpoints.save(state)
            progress.console.print(epoch_line(metrics, config.epochs))
        if stop.signal and state.epoch <= config.epochs:
            name = checkpoints.save(state)
            devices.wait()
            progress.console.print(f"Stopped by a signal; checkpoint {name} has all until here.")
            return stop.exit_status

    # ---- The trained model ------------------------------------------------------------------
    with learner.averaged() as model:
        if devices.is_chief:
            workdir.save_model(model)
            console.print(f"Wrote {workdir.model_file}")
    return None


def make_demo_records(data):
    """Makes the small clips that a configuration asks for, in a process without TensorFlow."""
    folder, name = os.path.split(data.records)
    if name != "records":
        raise UserError(
            "With --config.data.demo_clips, --config.data.records must be a folder named "
            f"`records`. Received: {data.records}"
        )
    arguments = [
        f"--output={folder or '.'}",
        f"--train_clips={data.demo_clips}",
        f"--val_clips={max(1, data.demo_clips // 4)}",
    ]
    command = [sys.executable, "-m", "trainers.demo", "--records_only", *arguments]
    if subprocess.run(command).returncode:
        raise UserError("The clips of the demo could not be made: see the message above.")


def train_feed(config, info, devices, state, damage):
    """Returns the batches of an epoch that are left."""
    dataset = build_dataset(
        config,
        info,
        config.data.train_split,
        training=True,
        epoch=state.epoch,
        skip_batches=state.step * config.optimizer.accumulate_steps,
        num_workers=devices.num_workers,
        worker=devices.worker,
        damage=damage,
    )
    return BatchFeed(devices.strategy, dataset)


def steps_of(feed, config, state, steps):
    """Gives the batches of one optimizer step after the other, until the epoch ends."""
    while state.step < steps:
        batches = list(itertools.islice(feed, config.optimizer.accumulate_steps))
        if len(batches) < config.optimizer.accumulate_steps:
            # Damaged records that were skipped are missing at the end.
            state.step = steps
            return
        yield batches


def is_due(every_steps, step, steps):
    """Whether to write a checkpoint inside of an epoch, or before it is validated."""
    return every_steps and (step % every_steps == 0 or step == steps)


def validate(config, info, devices, evaluate, progress, stop):
    """Returns the means over the validation clips, or None when asked to stop."""
    split = config.data.val_split
    dataset = build_dataset(
        config,
        info,
        split,
        training=False,
        num_workers=devices.num_workers,
        worker=devices.worker,
    )
    feed = BatchFeed(devices.strategy, dataset)
    # Workers may have one batch more or less than others, but all ask equally often.
    batches = math.ceil(info.num_clips(split) / config.data.batch_size)
    bar = progress.add_task("Validating", total=batches, info="")
    totals = StepTotals(guard=False)
    for _ in range(batches):
        batch, _ = next(feed, (None, None))
        if batch is not None:
            totals.add(evaluate(batch), None, split)
        progress.advance(bar)
        if stop.ask():
            return None
    progress.remove_task(bar)
    return totals.means_over(devices)


def named(split, means):
    """Returns figures under the names of their split."""
    return {f"{split}/{name}": value for name, value in means.items()}


if __name__ == "__main__":
    cli.run(main)
