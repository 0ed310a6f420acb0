"""Mixes batches of clips by MixUp and CutMix."""

import tensorflow as tf


def mix(clips, labels, mixup: float, cutmix: float, seed):
    """Mixes every clip with the next clip of its batch, by MixUp or CutMix.

    Args:
        clips: uint8 `[B, T, H, W, 3]`.
        labels: One-hot float32 `[B, num_classes]`, or a dictionary of such tensors.
        mixup: Parameter of MixUp's Beta distribution; 0 turns it off.
        cutmix: Parameter of CutMix's Beta distribution; 0 turns it off. If both are on, the seed
            decides between them.
        seed: Two integers; the same seed draws the same change.

    Returns:
        The mixed clips and labels, with the same shapes and types.
    """
    choice, draws = tf.unstack(tf.random.split(seed, 2))
    if not cutmix:
        return mix_up(clips, labels, mixup, draws)
    if not mixup:
        return cut_mix(clips, labels, cutmix, draws)
    return tf.cond(
        tf.random.stateless_uniform([], choice) < 0.5,
        lambda: mix_up(clips, labels, mixup, draws),
        lambda: cut_mix(clips, labels, cutmix, draws),
    )


def mix_up(clips, labels, alpha: float, seed):
    """Blends every clip with the next one of its batch.

    The share of each clip is drawn from Beta(alpha, alpha). Arguments are those of `mix`.

    Reference:
        Zhang et al., "mixup: Beyond Empirical Risk Minimization", equation (1).
    """
    share = _beta(tf.shape(clips)[:1], alpha, seed)
    wide = share[:, None, None, None, None]
    clips = tf.cast(clips, tf.float32)
    blended = wide * clips + (1 - wide) * tf.roll(clips, -1, axis=0)
    return tf.cast(tf.round(blended), tf.uint8), _blend(labels, share)


def cut_mix(clips, labels, alpha: float, seed):
    """Replaces a rectangle of every clip, in all frames, by that of the next clip of its batch.

    For each clip, the share of the frame that remains is drawn from Beta(alpha, alpha), and the
    center of the rectangle uniformly over the frame. Labels are weighted by the area of the
    rectangle inside the frame. Arguments are those of `mix`.

    Reference:
        Yun et al., "CutMix: Regularization Strategy to Train Strong Classifiers with Localizable
        Features", section 3.1.
    """
    share_seed, center_seed = tf.unstack(tf.random.split(seed, 2))
    batch = tf.shape(clips)[:1]
    side = tf.sqrt(1 - _beta(batch, alpha, share_seed))
    center = tf.random.stateless_uniform(tf.concat([batch, [2]], 0), center_seed)

    def inside(length, center):
        position = tf.range(length, dtype=tf.float32) + 0.5
        length = tf.cast(length, tf.float32)
        return tf.abs(position - (center * length)[:, None]) < (side * length / 2)[:, None]

    in_rows = inside(tf.shape(clips)[2], center[:, 0])
    in_columns = inside(tf.shape(clips)[3], center[:, 1])
    mask = in_rows[:, :, None] & in_columns[:, None, :]
    mixed = tf.where(mask[:, None, :, :, None], tf.roll(clips, -1, axis=0), clips)
    return mixed, _blend(labels, 1 - tf.reduce_mean(tf.cast(mask, tf.float32), axis=(1, 2)))


def _beta(shape, alpha, seed):
    # A Beta variable is the share of one of two Gamma variables in their sum. These are drawn in
    # double precision, because a small `alpha` makes values that would be 0 in single precision.
    first, second = tf.unstack(
        tf.random.stateless_gamma(
            tf.concat([[2], shape], 0), seed, tf.constant(alpha, tf.float64), dtype=tf.float64
        )
    )
    return tf.cast(first / (first + second), tf.float32)


def _blend(labels, share):
    share = share[:, None]
    return tf.nest.map_structure(
        lambda part: share * part + (1 - share) * tf.roll(part, -1, axis=0), labels
    )
