"""Trains a segment model on records and keeps all of the run in a workdir.

  python -m trainers.train --config=configs/demo.py:gsf_resnet14thin --workdir=runs/demo
  python -m trainers.train --config=configs/folder.py:gsf_mobilenetv2 \\
      --config.data.records=my_records --workdir=runs/mine

Any value of the configuration can be set with --config.NAME=VALUE; a name that it does not have is
an error. All GPUs that TensorFlow sees are used, or the CPU.

Given again with the same workdir, the command continues after the last finished epoch. Watch it
with: tensorboard --logdir=runs/mine/events
"""

import functools
import math
import time

import keras
import tensorflow as tf
from absl import flags
from ml_collections import config_flags

from gsf_tf.data import DatasetInfo, LabelMap, video_dataset_from_records
from gsf_tf.errors import UserError
from gsf_tf.layers import AttentionShift
from gsf_tf.models import from_preset
from gsf_tf.models.find_layers import find_layers
from gsf_tf.training import AttentionAnnealing, CoupledSGD, ParameterGroup, WarmupCosine
from gsf_tf.training.checkpointing import checkpoint_manager, restore_latest
from gsf_tf.training.shift_gradients import is_shift
from gsf_tf.training.steps import evaluation_step, train_step
from gsf_tf.workdir import Workdir
from trainers import cli

PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")

_CONFIG = config_flags.DEFINE_config_file(
    "config", None, "Path of a configuration, configs/NAME.py or configs/NAME.py:PRESET."
)
_WORKDIR = flags.DEFINE_string("workdir", None, "Folder of the run; continued if it has one.")
flags.mark_flags_as_required(["config", "workdir"])


def check_config(config, info, num_replicas):
    """Raises UserError for values that cannot work, before anything is written."""
    for name, value in (
        ("epochs", config.epochs),
        ("eval_every_epochs", config.eval_every_epochs),
        ("data.batch_size", config.data.batch_size),
    ):
        if value < 1:
            raise UserError(f"--config.{name} must be at least 1. Received: {value}")
    if not 0 <= config.warmup_epochs < config.epochs:
        raise UserError(
            "--config.warmup_epochs must be less than --config.epochs. "
            f"Received: {config.warmup_epochs} of {config.epochs}. Set both."
        )
    if config.precision not in PRECISIONS:
        raise UserError(
            f"--config.precision must be one of {', '.join(PRECISIONS)}. "
            f"Received: {config.precision!r}"
        )
    batch_size, train_clips = config.data.batch_size, info.num_clips(config.data.train_split)
    info.num_clips(config.data.val_split)
    if batch_size > train_clips:
        raise UserError(
            "An epoch must have at least one whole batch. Received: "
            f"{train_clips} clips and --config.data.batch_size={batch_size}. "
            "Choose a smaller batch."
        )
    if batch_size % num_replicas:
        raise UserError(
            "The batch is divided among the devices, so it must be a multiple of their number. "
            f"Received: --config.data.batch_size={batch_size} and {num_replicas} devices."
        )


def build_dataset(config, info, split, *, training, epoch=0):
    """Returns one epoch of `(clip, label)` batches; the batch is that of all replicas."""
    return video_dataset_from_records(
        info.shard_files(config.data.records, split),
        num_segments=config.model.num_segments,
        batch_size=config.data.batch_size,
        image_size=(config.model.image_size, config.model.image_size),
        training=training,
        seed=config.seed,
        epoch=epoch,
    )


def build_model(config, num_classes):
    """Returns the preset's model under the configuration's precision.

    But for `image_size`, what `config.model` holds are arguments of `from_preset`.
    """
    keras.config.set_dtype_policy(config.precision)
    arguments = dict(config.model)
    size = arguments.pop("image_size")
    try:
        return from_preset(num_classes=num_classes, input_shape=(size, size, 3), **arguments)
    except (ValueError, OSError) as error:
        raise UserError(f"--config.model must describe a model. {error}") from error


def build_optimizer(config, model, steps_per_epoch):
    """Returns the recipe's optimizer, built on the model's variables."""
    schedule = WarmupCosine(
        config.optimizer.learning_rate,
        total_steps=config.epochs * steps_per_epoch,
        warmup_steps=config.warmup_epochs * steps_per_epoch,
    )
    # With spatial_shift and temporal_shift "fixed" there is no gradient to normalise.
    learns_shifts = any(is_shift(variable) for variable in model.trainable_variables)
    shift_normalization = config.optimizer.get("shift_normalization") if learns_shifts else None
    optimizer = CoupledSGD(
        schedule,
        momentum=config.optimizer.momentum,
        l2=config.optimizer.weight_decay,
        clip_norm=config.optimizer.clip_norm,
        groups=[ParameterGroup(**group) for group in config.optimizer.get("groups", ())],
        shift_normalization=shift_normalization,
    )
    if config.precision == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    optimizer.build(model.trainable_variables)
    return optimizer


def build_annealing(config, steps_per_epoch):
    """Returns the schedule of the attention's temperature, or None for a model without."""
    annealing = config.get("annealing")
    if annealing is None:
        return None
    return AttentionAnnealing(
        annealing.epochs * steps_per_epoch, start=annealing.start, end=annealing.end
    )


def annealed(annealing, model, optimizer, step):
    """Returns the step with the temperature set before it, or as it is without annealing."""
    if annealing is None:
        return step

    def run(batch):
        annealing.apply_step_of(model, optimizer)
        return step(batch)

    return run


def attention_metrics(model):
    """Returns how many channels move in time, and the temperature; empty without attention."""
    layers = find_layers(model, AttentionShift)
    if not layers:
        return {}
    shares = [float(layer.nonzero_share()) for layer in layers]
    return {
        "shift/nonzero_share": sum(shares) / len(shares),
        "shift/temperature": float(keras.ops.convert_to_numpy(layers[0].temperature)),
    }


def distributed(strategy, step):
    """Compiles a step so that it runs on all replicas and sums what they return."""

    @tf.function(reduce_retracing=True)
    def run(batch):
        per_replica = strategy.run(step, args=batch)
        return {
            name: strategy.reduce(tf.distribute.ReduceOp.SUM, value, axis=None)
            for name, value in per_replica.items()
        }

    return run


def run_epoch(strategy, step, dataset, progress, task):
    """Runs a step over a dataset and returns the means over its clips."""
    totals = {}
    for batch in strategy.experimental_distribute_dataset(dataset):
        sums = step(batch)
        totals = {name: totals.get(name, 0.0) + value for name, value in sums.items()}
        clips = float(totals["clips"])
        progress.update(task, advance=1, info=f"loss {float(totals['loss']) / clips:.3f}")
    if not totals:
        raise UserError("A split must have at least one batch of clips. Received an empty one.")
    clips = float(totals.pop("clips"))
    return {name: float(value) / clips for name, value in totals.items()}


def check_finite(metrics, epoch, workdir):
    """Stops a run whose loss has left the numbers, before it overwrites a good checkpoint."""
    if not math.isfinite(metrics["train/loss"]):
        raise UserError(
            f"The loss must stay finite. It is {metrics['train/loss']} in epoch {epoch}. The last "
            f"good checkpoint is in {workdir.checkpoints}. Try a lower "
            "--config.optimizer.learning_rate in another workdir."
        )


def epoch_line(metrics, epochs):
    """Returns an epoch's figures as a line of text."""
    parts = [f"Epoch {metrics['epoch']}/{epochs}"]
    for split in ("train", "val"):
        if f"{split}/loss" in metrics:
            parts.append(
                f"{split} loss {metrics[f'{split}/loss']:.3f} top-1 {metrics[f'{split}/top1']:.1%}"
            )
    parts.append(f"{metrics['clips_per_second']:.0f} clips/s")
    return ", ".join(parts)


def main(_):
    config, workdir = _CONFIG.value, Workdir(_WORKDIR.value)

    # ---- Data -------------------------------------------------------------------------------
    info = DatasetInfo.load(config.data.records)
    labels = LabelMap(info.labels)
    strategy = tf.distribute.MirroredStrategy()
    check_config(config, info, strategy.num_replicas_in_sync)
    train_clips = info.num_clips(config.data.train_split)
    val_clips = info.num_clips(config.data.val_split)
    steps_per_epoch = train_clips // config.data.batch_size

    # ---- Model, optimizer, checkpoint -------------------------------------------------------
    keras.utils.set_random_seed(config.seed)
    with strategy.scope():
        model = build_model(config, len(labels))
        optimizer = build_optimizer(config, model, steps_per_epoch)
        workdir.start(config, info)
        manager, finished_epochs = checkpoint_manager(model, optimizer, workdir.checkpoints)
    restored = restore_latest(manager)
    first_epoch = int(finished_epochs.numpy())
    console = cli.console()
    console.print(
        f"{config.model.preset}: {model.count_params():,} parameters; {train_clips} clips to train "
        f"on, {val_clips} to validate, {len(labels)} classes; "
        f"{strategy.num_replicas_in_sync} device(s)"
    )
    if restored:
        console.print(f"Continuing after epoch {first_epoch} of {config.epochs}, from {restored}")

    # ---- Epochs -----------------------------------------------------------------------------
    train = distributed(
        strategy,
        functools.partial(
            train_step,
            model,
            optimizer,
            global_batch_size=config.data.batch_size,
            label_smoothing=config.optimizer.label_smoothing,
        ),
    )
    annealing = build_annealing(config, steps_per_epoch)
    train = annealed(annealing, model, optimizer, train)
    evaluate = distributed(strategy, functools.partial(evaluation_step, model))
    events = tf.summary.create_file_writer(str(workdir.events))
    with cli.progress(console) as progress:
        task = progress.add_task(
            "Training", total=(config.epochs - first_epoch) * steps_per_epoch, info=""
        )
        for epoch in range(first_epoch + 1, config.epochs + 1):
            start = time.monotonic()
            progress.update(task, description=f"Epoch {epoch}/{config.epochs}")
            dataset = build_dataset(
                config, info, config.data.train_split, training=True, epoch=epoch
            )
            means = run_epoch(strategy, train, dataset, progress, task)
            seconds = time.monotonic() - start
            metrics = {
                "epoch": epoch,
                "step": epoch * steps_per_epoch,
                "lr": float(optimizer.learning_rate),
                "clips_per_second": steps_per_epoch * config.data.batch_size / seconds,
                **{f"train/{name}": value for name, value in means.items()},
                **attention_metrics(model),
            }
            check_finite(metrics, epoch, workdir)
            if epoch % config.eval_every_epochs == 0 or epoch == config.epochs:
                dataset = build_dataset(config, info, config.data.val_split, training=False)
                checking = progress.add_task(
                    "Validating", total=math.ceil(val_clips / config.data.batch_size), info=""
                )
                means = run_epoch(strategy, evaluate, dataset, progress, checking)
                progress.remove_task(checking)
                metrics.update({f"val/{name}": value for name, value in means.items()})
            workdir.append_metrics(metrics)
            with events.as_default(step=epoch):
                for name in metrics.keys() - {"epoch", "step"}:
                    tf.summary.scalar(name, metrics[name])
            finished_epochs.assign(epoch)
            manager.save(checkpoint_number=epoch)
            progress.console.print(epoch_line(metrics, config.epochs))
    events.close()

    # ---- The trained model ------------------------------------------------------------------
    if annealing is not None:
        annealing.apply_step_of(model, optimizer)
    workdir.save_model(model)
    console.print(f"Wrote {workdir.model_file}")


if __name__ == "__main__":
    cli.run(main)
