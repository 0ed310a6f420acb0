"""Derives the seeds of a pipeline's random draws from (seed, epoch, position of the clip) alone."""

import operator

import numpy as np
import tensorflow as tf

from gsf_tf.errors import DataError


def check_seed(seed: int) -> int:
    """Returns a seed as an integer.

    Raises:
        DataError: If it is not a whole number of at least 0 that fits into 63 bits.
    """
    try:
        number = operator.index(seed)
    except TypeError:
        number = -1
    if not 0 <= number < 2**63:
        raise DataError(
            "`seed` must be a whole number of at least 0 and below 2**63, so that a run can be "
            f"repeated. Received: seed={seed!r}. Leave it out for 0, or draw a number: "
            "`random.randrange(2**63)`."
        )
    return number


def epoch_seed_dataset(seed: int, epoch: int | None) -> tf.data.Dataset:
    """Makes a dataset of one element, the seed of an epoch.

    Args:
        seed: Seed of the run.
        epoch: Number of the epoch. With `None`, each iteration of the dataset has another seed.

    Returns:
        A dataset with one int32 `[2]` element.
    """
    if epoch is not None:
        return tf.data.Dataset.from_tensors(tf.random.fold_in([seed, 0], epoch))
    passes = tf.data.Dataset.random(seed, rerandomize_each_iteration=True).take(1)
    return passes.map(lambda draw: tf.random.fold_in([seed, 1], draw))


def example_seeds(epoch_seed, *position) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Derives the seeds of a clip.

    Args:
        epoch_seed: int32 `[2]` from `epoch_seed_dataset`.
        *position: Integers that no other clip of the dataset has.

    Returns:
        Three seeds, int32 `[2]`: for the choice of frames, for the crop, and for all other changes.
    """
    for number in position:
        epoch_seed = tf.random.fold_in(epoch_seed, number)
    frames, crop = tf.unstack(tf.random.split(epoch_seed, 2))
    return frames, crop, tf.random.fold_in(epoch_seed, 2)


def shuffle_arguments(seed: int, epoch: int | None) -> dict:
    """Returns keyword arguments of `tf.data.Dataset.shuffle` that mix the clips of an epoch."""
    if epoch is None:
        return {"seed": seed, "reshuffle_each_iteration": True}
    mixed = int(np.random.SeedSequence([seed, epoch]).generate_state(1)[0])
    return {"seed": mixed, "reshuffle_each_iteration": False}
