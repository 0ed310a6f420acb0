"""The end of both pipelines: changes to single clips, batches, changes to batches."""

from collections.abc import Mapping

import tensorflow as tf

from gsf_tf.data.pipeline.augmentation.augmentation import Augmentation


def augment_clips(
    dataset: tf.data.Dataset,
    augmentation: Augmentation,
    num_parallel_calls: int,
    deterministic: bool,
) -> tf.data.Dataset:
    """Applies the augmentation of single clips to (clip, label, ..., seed)."""
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
) -> tf.data.Dataset:
    """Turns (clip, label, ..., seed) into batches without seed, mixed if the augmentation says so.

    The seed of a batch is that of its first clip, so that it is the same after a resume. With
    `flagged`, the last but one of an example is whether it is to be used; a batch holds those that
    are, and is left out where none is.
    """
    if batch_size is None:
        return dataset.map(lambda *example: example[:-1])
    dataset = dataset.batch(batch_size, drop_remainder)
    if flagged:
        dataset = dataset.map(_drop_flagged).filter(lambda *parts: tf.size(parts[-1]) > 0)

    def finish(clips, labels, *rest):
        *rest, seeds = rest
        if augmentation is not None and augmentation.mixes:
            seed = tf.random.fold_in(seeds[0], 0)
            clips, labels = augmentation.mix(clips, labels, seed, num_classes)
        return clips, labels, *rest

    return dataset.map(finish)


def _drop_flagged(*parts):
    *parts, good, seeds = parts
    parts = (*parts, seeds)

    def drop():
        return tf.nest.map_structure(lambda part: tf.boolean_mask(part, good), parts)

    return tf.cond(tf.reduce_all(good), lambda: parts, drop)
