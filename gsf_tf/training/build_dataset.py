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
    num_workers=1,
    worker=0,
    damage=None,
):
    """Makes one pass over a split of the records, as a configuration says.

    Args:
        config: Configuration as in `gsf_tf/recipes/defaults.py`.
        info: `DatasetInfo` of the records.
        split: Name of the split.
        training: Whether clips are drawn, augmented and shuffled.
        epoch: Number of the pass in training.
        skip_batches: Batches at the beginning that were used before.
        num_workers: Workers that share the batches.
        worker: Which of them this is, from 0.
        damage: `DamageLog` for the records that are left out, where the configuration says so.

    Returns:
        A `tf.data.Dataset` of this worker's share of the batches: `(clip, label)`, in training
        `(clip, label, ids)`.

    Raises:
        DataError: If records and configuration do not go together.
    """
    return video_dataset_from_records(
        info.shard_files(config.data.records, split),
        num_segments=config.model.num_segments,
        batch_size=config.data.batch_size // num_workers,
        image_size=(config.model.image_size, config.model.image_size),
        training=training,
        augmentation=build_augmentation(config, info) if training else None,
        sampling=config.data.sampling,
        frame_stride=config.data.frame_stride,
        seed=config.seed,
        epoch=epoch,
        skip_batches=skip_batches,
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


def build_augmentation(config, info):
    """Returns the `Augmentation` of a configuration, with the dataset's rule for mirrored clips.

    Raises:
        DataError: If a value is outside its range, or clips are mirrored whose classes speak of
            left and right and nothing says what becomes of them.
    """
    values = config.augmentation.to_dict()
    pairs = values.pop("flip_pairs")
    if values["flip"]:
        values["flip_label_map"] = FlipRule.of(info, pairs).label_map
    return Augmentation(**values)
