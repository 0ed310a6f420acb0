"""What `gsf-tf train` prints of a run: some lines always, and all of it with --dry_run."""

import itertools

import numpy as np
import tensorflow as tf
from rich.table import Table

from gsf_tf.analysis import count_parameters, macs_by_convention
from gsf_tf.data import contact_sheet
from gsf_tf.data.inspection.clip_sheet import SampledClip
from gsf_tf.errors import UserError
from gsf_tf.tasks import ACTION, task_logits
from gsf_tf.training.build_dataset import build_dataset
from gsf_tf.training.derived_values import clips_per_step, scaled_learning_rate
from gsf_tf.training.parameter_group import find_group
from gsf_tf.training.temporal_layers import temporal_layers

MAX_CLIPS = 12
MAX_EPOCHS = 12


def headline(config, info, model, devices):
    """Returns model, data, devices and learning rate in a line."""
    rate = scaled_learning_rate(config)
    return (
        f"{config.model.preset}: {model.count_params():,} parameters; "
        f"{info.num_clips(config.data.train_split)} clips to train on, "
        f"{info.num_clips(config.data.val_split)} to validate, {len(info.labels)} classes; "
        f"{devices}; learning rate {rate:g} for {clips_per_step(config)} clips per step "
        f"({config.optimizer.learning_rate:g} for "
        f"{config.optimizer.reference_batch_size or 'any number of'} clips)"
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


def describe_run(config, learner, steps_per_epoch, console):
    """Prints temporal layers, parameters, MACs, parameter groups, steps and schedule."""
    layers = Table(title="Temporal layers")
    for column in ("Layer", "Class", "Arguments"):
        layers.add_column(column)
    for layer in temporal_layers(learner.model):
        shown = ", ".join(
            f"{name}={value!r}"
            for name, value in layer["arguments"].items()
            if isinstance(value, str | int | float)
        )
        layers.add_row(layer["name"], layer["class"], shown)
    console.print(layers if layers.row_count else "No temporal layers.")

    macs = macs_by_convention(learner.model)
    console.print(
        f"{count_parameters(learner.model):,} trainable parameters; per clip "
        f"{macs['conv_linear'] / 1e9:.3f} G multiply-accumulates in convolutions and linear "
        f"layers, {macs['paper'] / 1e9:.3f} G as the GSF paper counts"
    )

    groups = Table("Parameter group", "Variables", "Learning rate x", "Decay x")
    declared = getattr(learner.optimizer, "inner_optimizer", learner.optimizer).groups
    found = [find_group(variable, declared) for variable in learner.model.trainable_variables]
    for group in dict.fromkeys(found):
        groups.add_row(
            group.name or "all others",
            str(found.count(group)),
            f"{group.learning_rate:g}",
            f"{group.l2:g}",
        )
    console.print(groups)

    console.print(
        f"{config.epochs} epochs of {steps_per_epoch} steps of "
        f"{config.optimizer.accumulate_steps} x {config.data.batch_size} clips"
    )
    optimizer = learner.optimizer
    # Keras' public `learning_rate` is the rate of the current step, not the schedule.
    schedule = getattr(optimizer, "inner_optimizer", optimizer)._learning_rate
    rates = Table("After epoch", "Step", "Learning rate")
    for epoch in shown_epochs(config):
        step = epoch * steps_per_epoch
        rates.add_row(str(epoch), str(step), f"{float(schedule(step)):.6g}")
    console.print(rates)


def shown_epochs(config):
    """Returns beginning, end, end of the warm-up and evenly spaced epochs between."""
    between = np.linspace(0, config.epochs, min(config.epochs, MAX_EPOCHS) + 1).round().astype(int)
    return sorted({*between.tolist(), config.warmup_epochs})


def draw_first_batch(config, info, path, console):
    """Writes a picture of the clips that the first step would be given."""
    dataset = build_dataset(config, info, config.data.train_split, training=True, epoch=1)
    clips, labels, ids = next(iter(dataset))
    labels = task_logits(labels)[ACTION]
    if labels.shape.rank == 2:
        labels = tf.argmax(labels, axis=-1)
    rows = [
        SampledClip(
            split=config.data.train_split,
            data_path=name.decode("utf-8", "replace"),
            label=info.labels[label],
            num_frames=len(clip),
            frames=[tf.io.encode_jpeg(frame).numpy() for frame in clip],
        )
        for clip, label, name in itertools.islice(
            zip(clips, labels.numpy(), ids.numpy(), strict=True), MAX_CLIPS
        )
    ]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        contact_sheet(rows).save(path)
    except OSError as error:
        raise UserError(
            f"`workdir` must be a folder that can be written. Received: {path.parent} ({error})"
        ) from error
    console.print(f"Wrote {path}: the first {len(rows)} clips of the first batch")
