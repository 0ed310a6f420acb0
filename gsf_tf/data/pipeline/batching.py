"""The last steps of both pipelines: augment single clips, make batches, mix batches."""

from collections.abc import Mapping

import tensorflow as tf

from gsf_tf.data.pipeline.augmentation.augmentation import Augmentation


def augment_clips(
    dataset: tf.data.Dataset,
    augmentation: Augmentation,
    num_parallel_calls: int,
    deterministic: bool,
) -> tf.data.Dataset:
    """Augments single clips.

    Args:
        dataset: A dataset of (clip, label, ..., seed).
        augmentation: The changes to make.
        num_parallel_calls: Number of clips changed in parallel.
        deterministic: Keep the order independent of timing.

    Returns:
        A dataset of the same structure.
    """
    change = augmentation.clip_function()
    if change is None:
        return dataset
    return dataset.map(
        lambda clip, label, *rest: (*change(clip, label, rest[-1]), *rest),
        num_parallel_calls,
        deterministic=deterministic,
    )


def batch_clips(
    dataset: tf.data.Dataset,
    batch_size: int | None,
    drop_remainder: bool,
    augmentation: Augmentation | None,
    num_classes: int | Mapping[str, int] | None,
    flagged: bool = False,
    first_number: int | None = None,
) -> tf.data.Dataset:
    """Makes batches, mixes them if the augmentation has MixUp or CutMix, and removes the seeds.

    A batch is mixed with the seed of its first clip, so that it is the same after a resume.

    Args:
        dataset: A dataset of (clip, label, ..., seed).
        batch_size: Clips per batch; `None` keeps single clips, which are not mixed.
        drop_remainder: Drop the last batch if it is smaller.
        augmentation: The mixing to apply, `None` for none.
        num_classes: Number of classes, for several tasks a dictionary of them. Used for mixing.
        flagged: The second-to-last component of each example is a bool: whether to keep it.
            Examples to drop are removed from their batch, and empty batches are removed.
        first_number: Number of the first batch, to add the number of each batch as its last
            component, an int64 scalar. Batches that are removed are counted. `None` adds none.

    Returns:
        A dataset of (clips, labels, ...).
    """
    if batch_size is not None:
        dataset = dataset.batch(batch_size, drop_remainder)
    # Numbered before any is removed.
    dataset = dataset.enumerate(first_number or 0)
    if flagged and batch_size is None:
        dataset = dataset.filter(lambda number, example: example[-2]).map(_without_flag)
    elif flagged:
        dataset = dataset.map(_drop_flagged).filter(lambda number, batch: tf.size(batch[-1]) > 0)

    def finish(number, batch):
        clips, labels, *rest, seeds = batch
        if batch_size is not None and augmentation is not None and augmentation.mixes:
            seed = tf.random.fold_in(seeds[0], 0)
            clips, labels = augmentation.mix(clips, labels, seed, num_classes)
        return (clips, labels, *rest) if first_number is None else (clips, labels, *rest, number)

    return dataset.map(finish)


def _without_flag(number, example):
    *example, _, seed = example
    return number, (*example, seed)


def _drop_flagged(number, batch):
    good = batch[-2]
    _, batch = _without_flag(number, batch)

    def drop():
        return tf.nest.map_structure(lambda part: tf.boolean_mask(part, good), batch)

    return number, tf.cond(tf.reduce_all(good), lambda: batch, drop)
