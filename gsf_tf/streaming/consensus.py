"""One answer for the last frames of a stream: a mean of their logits, kept in the state."""

import tensorflow as tf

from gsf_tf.streaming.memory import Memory
from gsf_tf.whole_numbers import is_whole

MEAN, WINDOW, EXPONENTIAL = "mean", "window", "exponential"
KINDS = (MEAN, WINDOW, EXPONENTIAL)
_MOST_FRAMES = 2**20


def check_consensus(kind: str | None, frames: int | None) -> None:
    """Checks the arguments `consensus` and `consensus_frames` of a `StreamingModel`.

    Raises:
        ValueError: If there is no such consensus, or the number of frames does not belong to it.
    """
    if kind is not None and kind not in KINDS:
        raise ValueError(
            f"`consensus` must be None or one of {', '.join(KINDS)}. Received: consensus={kind!r}"
        )
    if kind in (None, MEAN):
        if frames is not None:
            raise ValueError(
                "`consensus_frames` belongs to the consensus 'window' or 'exponential'. Received: "
                f"consensus_frames={frames!r} for consensus={kind!r}. Leave it out."
            )
    elif not is_whole(frames, 1, _MOST_FRAMES):
        raise ValueError(
            f"`consensus_frames` must be an integer in 1..2**20 for consensus={kind!r}. Received: "
            f"consensus_frames={frames!r}"
        )


def add_consensus(
    logits: tf.Tensor,
    inside: tf.Tensor,
    name: str,
    kind: str,
    frames: int | None,
    memory: Memory,
) -> tf.Tensor:
    """Returns the mean over the frames up to this one; NaN before the first.

    Args:
        logits: `[N, K]` of one frame of each stream.
        inside: `[N]`, true where that frame is one of the stream.
        name: Name of the tensors in the state.
        kind: One of `KINDS`.
        frames: Number of frames for all kinds but the mean.
        memory: `Memory`.
    """
    new = tf.cast(inside, "float32")[:, None]
    # `tf.where` and not a product: what a frame outside of the stream gives may be infinite.
    logits = tf.where(inside[:, None], logits, 0.0)
    if kind == WINDOW:
        mean, weight = _window(logits, new, name, frames, memory)
    else:
        # A frame k frames ago has the weight decay**k.
        decay = 1.0 if kind == MEAN else (frames - 1) / (frames + 1)
        past = memory.recall(f"{name}/weight", new)
        weight = memory.keep(f"{name}/weight", tf.where(new > 0, decay * past + 1, past))
        past = memory.recall(f"{name}/mean", logits)
        share = tf.math.divide_no_nan(new, weight)
        mean = memory.keep(f"{name}/mean", past + share * (logits - past))
    return tf.where(weight > 0, mean, float("nan"))


def _window(logits, new, name, frames, memory):
    """Returns the mean of the last frames and how many they are."""
    batch, classes = tf.shape(logits)[0], logits.shape[-1]
    weighted = tf.concat([new, logits], axis=-1)[:, None]
    last = weighted
    if frames > 1:
        before = tf.zeros((batch, frames - 1, 1 + classes))
        last = tf.concat([memory.recall(f"{name}/window", before), weighted], axis=1)
        memory.keep(f"{name}/window", last[:, 1:])
    total = tf.reduce_sum(last, axis=1)
    weight = total[:, :1]
    return tf.math.divide_no_nan(total[:, 1:], weight), weight
