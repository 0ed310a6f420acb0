"""How far rounding alone moves the logits of a model; no two runtimes agree better than that."""

from collections.abc import Mapping, Sequence

import keras
import numpy as np

from gsf_tf.export.comparison import largest_difference, model_logits

FLOAT_BOUND = 1e-4
# A float32 number and the next one differ by at most this share.
_LAST_PLACE = 2.0**-23
_DRAWS = 4
# An export adds up in another order, and rounds many times where a weight is moved once.
_ROOM = 4
# If rounding does more than this, nobody can tell it from a fault.
_MOST = 1e-3


def allowed_difference(
    model: keras.Model,
    clips: np.ndarray,
    expected: Mapping[str, np.ndarray],
    batches: Sequence[Mapping[str, np.ndarray]],
) -> float:
    """Returns by what share of the largest logit a float32 export of a model may differ.

    That is 1e-4. Rounding moves the logits of GSF-ResNet14thin by less than a tenth of that, but
    those of some networks by all of it (GSF-InceptionV3 with random weights). So if the export
    differs by more, each weight of the model is moved at random by up to 2**-23 of itself, which is
    one or two units in its last place, four times. The export may then differ by four times what
    that does to the logits, and by 1e-3 at most.

    Args:
        model: Float32 model from clips to logits. It is not changed.
        clips: Clips on which rounding is tried, uint8 `[N, T, H, W, 3]`.
        expected: The model's logits by the names of the export's outputs.
        batches: The export's outputs by name, of the clips of `expected` or of the first of them.
    """
    difference = np.max([largest_difference(expected, outputs) for outputs in batches])
    if not difference > FLOAT_BOUND:
        return FLOAT_BOUND
    moved = moved_logits(model, clips, _LAST_PLACE)
    if not np.isfinite(moved):
        return FLOAT_BOUND
    return float(np.clip(_ROOM * moved, FLOAT_BOUND, _MOST))


def moved_logits(model: keras.Model, clips: np.ndarray, share: float) -> float:
    """Returns how far the logits of a model move if each weight moves a little, at random.

    Args:
        model: Model from clips to logits. It is not changed.
        clips: uint8 `[N, T, H, W, 3]`.
        share: By what share of itself a weight moves at most.

    Returns:
        The largest difference in four draws, as a share of the largest logit; NaN if logits are
        not finite.
    """
    # A seed among the variables stays where it is in all calls.
    expected = model_logits(_with_moved_weights(model, 0, 0.0), clips)
    differences = [
        largest_difference(expected, model_logits(_with_moved_weights(model, draw, share), clips))
        for draw in range(_DRAWS)
    ]
    return float(np.max(differences))


def _with_moved_weights(model, draw, share):
    """Returns a function like `model`, whose weights are moved by up to `share` of themselves."""
    rng = np.random.default_rng(draw)
    trainable, others = (
        [_moved(keras.ops.convert_to_numpy(variable), share, rng) for variable in variables]
        for variables in (model.trainable_variables, model.non_trainable_variables)
    )

    def moved(clips, training):
        return model.stateless_call(trainable, others, clips, training=training)[0]

    return moved


def _moved(value, share, rng):
    if not np.issubdtype(value.dtype, np.floating):
        return value
    return (value * (1 + share * rng.uniform(-1, 1, value.shape))).astype(value.dtype)
