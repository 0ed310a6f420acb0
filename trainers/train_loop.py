"""The loop of `gsf-tf train`: epochs of steps, validation and checkpoints, until the end."""

import contextlib
import dataclasses
import itertools
import math
import os
import subprocess
import sys
from collections.abc import Callable

from gsf_tf.data import DatasetInfo, LabelMap
from gsf_tf.errors import UserError
from gsf_tf.files.folder_lock import FolderLock
from gsf_tf.recipes.defaults import default_config
from gsf_tf.training.batch_feed import BatchFeed
from gsf_tf.training.build_dataset import build_dataset
from gsf_tf.training.check_config import check_config
from gsf_tf.training.checkpoint_state import checkpoint_name
from gsf_tf.training.checkpoints import Checkpoints
from gsf_tf.training.derived_values import clips_per_step
from gsf_tf.training.devices import Devices
from gsf_tf.training.gate_metrics import gate_metrics
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

from . import cli
from .evaluated_model import evaluated_model
from .time_estimate import measure_and_tell
from .train_report import describe_run, draw_first_batch, epoch_line, headline


@dataclasses.dataclass(frozen=True)
class Run:
    """All that the parts of the loop share.

    Attributes:
        config: Configuration of the run.
        info: `DatasetInfo` of its records.
        steps: Optimizer steps of an epoch.
        devices: `Devices` that it trains on.
        workdir: `Workdir` of the run.
        learner: `Learner`, with model and optimizer.
        checkpoints: `Checkpoints` of the workdir.
        state: `RunState`, which the loop moves on.
        stop: `StopRequest`, which the loop asks.
        progress: Progress bar on the console.
        check_lock: Raises an error if another process has taken the workdir over.
    """

    config: object
    info: DatasetInfo
    steps: int
    devices: Devices
    workdir: object
    learner: Learner
    checkpoints: Checkpoints
    state: RunState
    stop: StopRequest
    progress: object
    check_lock: Callable[[], None]


def train(config, workdir, console, dry_run=False, take_over=False):
    """Trains, or continues to; returns the exit status, None where training has ended."""
    devices = Devices.choose(console.print)
    with devices.watched():
        status = train_on(devices, config, workdir, console, dry_run, take_over)
        devices.leave()
        return status


def train_on(devices, config, workdir, console, dry_run=False, take_over=False):
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
        measure_and_tell(config, info, devices, learner, RunState(), steps, console)
        if devices.is_chief:
            draw_first_batch(config, info, workdir.path / "dry_run.png", console)
        return None
    with locked(workdir, devices, take_over) as check_lock:
        return train_in(workdir, config, info, devices, learner, steps, console, check_lock)


@contextlib.contextmanager
def locked(workdir, devices, take_over):
    """Holds the lock of the workdir on the chief, who writes there for all workers."""
    if not devices.is_chief:
        yield lambda: None
        return
    with FolderLock(workdir.path, "trains", "workdir", take_over) as lock:
        yield lock.check


def train_in(workdir, config, info, devices, learner, steps, console, check_lock):
    """Trains in a workdir that no other process writes to."""

    # ---- Checkpoint -------------------------------------------------------------------------
    layers = temporal_layers(learner.model)
    start_workdir(workdir, devices, config, info, layers, default_config())
    checkpoints = Checkpoints(
        workdir.checkpoints, learner.checkpoint, config.checkpoint.keep, devices.is_chief
    )
    state = restore_checkpoint(checkpoints, devices, console.print)
    if state:
        console.print(f"Continuing in epoch {state.epoch} after {state.step} of {steps} steps")
    elif config.init:
        labels = LabelMap(info.labels)
        report = initialize_from(
            learner.model,
            config.init,
            labels,
            init_same_classes=config.init_same_classes,
            init_temporal_shift=config.init_temporal_shift,
            start=config.model.get("start"),
        )
        console.print(str(report))
    learner.begin(is_new=state is None)
    state = state or RunState()
    # The records may have moved since.
    state.damage = state.damage.in_folder(config.data.records)
    if not stops_early(config, state):
        measure_and_tell(config, info, devices, learner, state, steps, console)

    # ---- Epochs -----------------------------------------------------------------------------
    with StopRequest(devices) as stop, cli.progress(console) as progress:
        shared = (config, info, steps, devices, workdir, learner, checkpoints, state, stop)
        run = Run(*shared, progress, check_lock)
        train_epochs(run)
        if stop.signal:
            check_lock()
            name = checkpoints.save(state)
            devices.wait()
            progress.console.print(f"Stopped by a signal; checkpoint {name} has all until here.")
            return stop.exit_status

    # ---- The trained model ------------------------------------------------------------------
    with evaluated_model(run, state.epoch - 1, stoppable=False) as (model, _):
        if devices.is_chief:
            workdir.save_model(model)
            console.print(f"Wrote {workdir.model_file}")
    return None


def make_demo_records(data):
    """Makes the small clips that a configuration asks for, in a process without TensorFlow."""
    folder, name = os.path.split(data.records)
    if name != "records":
        raise UserError(
            "With `config.data.demo_clips`, `config.data.records` must be a folder named "
            f"records. Received: {data.records}"
        )
    arguments = [
        f"--output={folder or '.'}",
        f"--train_clips={data.demo_clips}",
        f"--val_clips={max(1, data.demo_clips // 4)}",
    ]
    command = [sys.executable, "-m", f"{__package__}.demo", "--records_only", *arguments]
    if subprocess.run(command).returncode:
        raise UserError("The clips of the demo could not be made: see the message above.")


def train_epochs(run):
    """Trains the epochs that are left; ends early, in the middle of one, at a signal."""
    config, state = run.config, run.state
    bar = run.progress.add_task("Training", total=config.epochs * run.steps, info="")
    log = MetricsLog(run.workdir)
    while state.epoch <= config.epochs and not stops_early(config, state):
        metrics = train_epoch(run, bar)
        run.check_lock()
        if not run.stop.signal and is_validated(config, state.epoch):
            metrics.update(validate_and_keep_best(run))
        if run.stop.signal:
            return
        if run.devices.is_chief:
            log.append(metrics)
        state.next_epoch()
        run.checkpoints.save(state)
        run.progress.console.print(epoch_line(metrics, config.epochs))
    if stops_early(config, state):
        best = state.best
        run.progress.console.print(
            f"Stopped early: validation was best after epoch {best['epoch']} (top-1 "
            f"{best['top1']:.1%}), {state.epoch - 1 - best['epoch']} epoch(s) ago"
        )


def train_epoch(run, bar):
    """Takes the steps of an epoch that are left.

    Args:
        run: `Run`.
        bar: Task of its progress bar.

    Returns:
        Dictionary of the epoch's figures; empty when a signal has stopped it.
    """
    config, state, learner = run.config, run.state, run.learner
    feed = train_feed(config, run.info, run.devices, state, state.damage)
    pace, batches = Pace(feed), []
    for batches in steps_of(feed, config, state, run.steps):
        place = f"epoch {state.epoch}, step {state.step + 1}"
        frozen = state.epoch <= config.freeze_backbone_epochs
        learner.take_step(batches, state.totals, place, frozen)
        state.step += 1
        state.left_out = feed.position - state.step * config.optimizer.accumulate_steps
        pace.add(clips_per_step(config))
        run.progress.update(
            bar,
            completed=(state.epoch - 1) * run.steps + state.step,
            description=f"Epoch {state.epoch}/{config.epochs}",
            info=pace.text(state.totals.mean_loss),
        )
        if run.stop.ask():
            return {}
        if is_due(config.checkpoint.every_steps, state.step, run.steps):
            run.check_lock()
            run.checkpoints.save(state)
    return {
        "epoch": state.epoch,
        "step": state.epoch * run.steps,
        **pace.metrics(),
        **named("train", state.totals.means()),
        "input/damaged_clips": state.damage.clips,
        **learning_rates(learner.optimizer),
        **shift_metrics(learner.model),
        **gate_metrics(learner.model, local_clips(run.devices, batches)),
    }


def local_clips(devices, batches):
    """Returns the clips of the last batch of a step on the first replica; none without batches."""
    if not batches:
        return []
    (clips, _), _ = batches[-1]
    return devices.strategy.experimental_local_results(clips)[0]


def train_feed(config, info, devices, state, damage):
    """Returns the batches of an epoch that are left."""
    dataset = build_dataset(
        config,
        info,
        config.data.train_split,
        training=True,
        epoch=state.epoch,
        skip_batches=state.step * config.optimizer.accumulate_steps + state.left_out,
        num_workers=devices.num_workers,
        worker=devices.worker,
        batch_numbers=True,
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
    """Returns whether to write a checkpoint inside of an epoch, or before it is validated."""
    return every_steps and (step % every_steps == 0 or step == steps)


def is_validated(config, epoch):
    """Returns whether to validate the model after an epoch."""
    return epoch % config.eval_every_epochs == 0 or epoch == config.epochs


def stops_early(config, state):
    """Returns whether so many epochs have passed since the best validation as are allowed."""
    allowed = config.early_stopping_epochs
    return bool(allowed and state.best and state.epoch - 1 - state.best["epoch"] >= allowed)


def validate_and_keep_best(run):
    """Validates the model, and saves it if it is the best so far.

    Returns:
        Dictionary of the validation's figures; empty when a signal has stopped it.
    """
    state = run.state
    with evaluated_model(run, state.epoch) as (model, figures):
        means = validate(run) if figures is not None else None
        if means is None:
            return {}
        if state.best is None or means["top1"] > state.best["top1"]:
            if run.devices.is_chief:
                run.workdir.save_model(model, run.workdir.best_model_file)
            state.best = {
                "epoch": state.epoch,
                "top1": means["top1"],
                "checkpoint": checkpoint_name(state.epoch + 1, 0),
            }
    return {**named("val", means), **figures}


def validate(run):
    """Returns the means over the validation clips, or None when a signal has stopped it."""
    config, devices, split = run.config, run.devices, run.config.data.val_split
    dataset = build_dataset(
        config,
        run.info,
        split,
        training=False,
        num_workers=devices.num_workers,
        worker=devices.worker,
    )
    feed = BatchFeed(devices.strategy, dataset)
    # Workers may have one batch more or less than others, but all ask equally often.
    batches = math.ceil(run.info.num_clips(split) / config.data.batch_size)
    bar = run.progress.add_task("Validating", total=batches, info="")
    totals = StepTotals(guard=False)
    for _ in range(batches):
        batch, _ = next(feed, (None, None))
        if batch is not None:
            totals.add(run.learner.evaluate(batch), None, split)
        run.progress.advance(bar)
        if run.stop.ask():
            return None
    run.progress.remove_task(bar)
    return totals.means_over(devices)


def named(split, means):
    """Returns figures under the names of their split."""
    return {f"{split}/{name}": value for name, value in means.items()}
