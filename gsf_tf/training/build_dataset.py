from gsf_tf.data import Augmentation, FlipRule, video_dataset_from_records
from gsf_tf.tasks import ACTION


def build_dataset(
    config,
    info,
    split,
    *,
    training,
    epoch=0,
    skip_batches=0,
    batch_numbers=False,
    num_workers=1,
    worker=0,
    damage=None,
    mixed=True,
):
    """Builds the dataset of one pass over a split of the records, for a configuration.

    Args:
        config: Configuration as in `gsf_tf/recipes/defaults.py`.
        info: `DatasetInfo` of the records.
        split: Name of the split.
        training: Whether clips are drawn, augmented and shuffled.
        epoch: Number of the epoch, for training.
        skip_batches: Number of batches at the beginning that are skipped, because they were used
            or left out before an interruption.
        batch_numbers: Whether each batch ends with its number, by which `skip_batches` counts.
        num_workers: Number of workers that share the batches.
        worker: Index of this worker, from 0.
        damage: `DamageLog` that lists the records that are left out, with `data.on_error="skip"`.
        mixed: Whether MixUp and CutMix of the configuration apply, for training.

    Returns:
        A `tf.data.Dataset` of this worker's share of the batches: `(clip, label)`, in training
        `(clip, label, ids)`; with `batch_numbers`, the number follows.

    Raises:
        DataError: If the records do not fit the configuration.
    """
    return video_dataset_from_records(
        info.shard_files(config.data.records, split),
        num_segments=config.model.num_segments,
        batch_size=config.data.batch_size // num_workers,
        image_size=(config.model.image_size, config.model.image_size),
        training=training,
        augmentation=build_augmentation(config, info, mixed) if training else None,
        sampling=config.data.sampling,
        frame_stride=config.data.frame_stride,
        seed=config.seed,
        epoch=epoch,
        skip_batches=skip_batches,
        batch_numbers=batch_numbers,
        shuffle_buffer=config.data.shuffle_buffer,
        num_workers=num_workers,
        worker=worker,
        cache=config.data.cache or False,
        service=config.data.service,
        on_error=config.data.on_error,
        damage=damage,
        clip_ids=training,
        tasks=tuple(task for task in config.task_weights if task != ACTION),
    )


def build_augmentation(config, info, mixed=True):
    """Returns the `Augmentation` of a configuration, with the dataset's rule for mirrored clips.

    With `mixed=False` it has neither MixUp nor CutMix.

    Raises:
        DataError: If a value is outside its range, or clips are mirrored, there are classes with
            directions such as left and right, and no rule maps them to each other.
    """
    values = config.augmentation.to_dict()
    pairs = values.pop("flip_pairs")
    if values["flip"]:
        values["flip_label_map"] = FlipRule.of(info, pairs).label_map
    if not mixed:
        values["mixup"] = values["cutmix"] = 0.0
    return Augmentation(**values)
