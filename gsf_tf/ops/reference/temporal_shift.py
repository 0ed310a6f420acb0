"""Reference form of `gsf_tf.ops.temporal_shift`."""

from keras import ops


def temporal_shift(x, num_segments, fold):
    """As `gsf_tf.ops.temporal_shift`, for a tensor that it has checked."""
    if fold == 0:
        return x
    shape = ops.shape(x)
    clips = ops.reshape(x, (shape[0] // num_segments, num_segments, *shape[1:]))
    reads_later, reads_earlier, stays = ops.split(clips, [fold, 2 * fold], axis=-1)
    other_axes = [(0, 0)] * (len(shape) - 1)
    shifted = ops.concatenate(
        [
            ops.pad(reads_later[:, 1:], [(0, 0), (0, 1), *other_axes]),
            ops.pad(reads_earlier[:, :-1], [(0, 0), (1, 0), *other_axes]),
            stays,
        ],
        axis=-1,
    )
    return ops.reshape(shifted, shape)
