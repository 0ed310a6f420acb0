"""Reference form of `gsf_tf.ops.temporal_shift`, and the reading of other frames."""

from keras import ops


def temporal_shift(x, num_segments, fold, causal=False):
    """As `gsf_tf.ops.temporal_shift`, for a tensor that it has checked."""
    if fold == 0:
        return x
    shape = ops.shape(x)
    clips = ops.reshape(x, (shape[0] // num_segments, num_segments, *shape[1:]))
    first, second, stays = ops.split(clips, [fold, 2 * fold], axis=-1)
    if not causal:
        first = read_frames(first, 1)
    shifted = ops.concatenate([first, read_frames(second, -1), stays], axis=-1)
    return ops.reshape(shifted, shape)


def read_frames(clips, step):
    """Returns frame t + step in frame t of clips `[B, T, ...]`; zeros beyond the ends.

    Args:
        clips: Tensor with a known number of frames T.
        step: Any integer.
    """
    frames = clips.shape[1]
    outside = min(abs(step), frames)
    inside = clips[:, outside:] if step > 0 else clips[:, : frames - outside]
    padding = [(0, 0)] * len(clips.shape)
    padding[1] = (0, outside) if step > 0 else (outside, 0)
    return ops.pad(inside, padding)
