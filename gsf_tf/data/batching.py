"""The end of both pipelines: changes to single clips, batches, changes to batches."""

import tensorflow as tf

from gsf_tf.data.augmentation.augmentation import Augmentation


def augment_clips(
    dataset: tf.data.Dataset,
    augmentation: Augmentation,
    num_parallel_calls: int,
    deterministic: bool,
) -> tf.data.Dataset:
    """Applies the augmentation of single clips to (clip, label, seed)."""
    change = augmentation.clip_function()
    if change is None:
        return dataset
    return dataset.map(
        lambda clip, label, seed: (*change(clip, label, seed), seed),
        num_parallel_calls,
        deterministic=deterministic,
    )


def batch_clips(
    dataset: tf.data.Dataset,
    batch_size: int | None,
    drop_remainder: bool,
    augmentation: Augmentation | None,
    num_classes: int | None,
) -> tf.data.Dataset:
    """Turns (clip, label, seed) into batches of (clip, label), mixed if the augmentation says so.

    The seed of a batch is that of its first clip, so that it is the same after a resume.
    """
    if batch_size is None:
        return dataset.map(lambda clip, label, seed: (clip, label))
    dataset = dataset.batch(batch_size, drop_remainder)

    def finish(clips, labels, seeds):
        if augmentation is None or not augmentation.mixes:
            return clips, labels
        return augmentation.mix(clips, labels, tf.random.fold_in(seeds[0], 0), num_classes)

    return dataset.map(finish)
