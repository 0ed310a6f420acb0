"""The loss that holds the number of temporal shifts of an attention model to a budget."""

import keras
import tensorflow as tf

from gsf_tf.layers import AttentionShift
from gsf_tf.models.layer_lookup import find_layers


def shift_budget_loss(model: keras.Model, budget: float) -> tf.Tensor:
    """Returns the distance of a model's mean share of nonzero shifts from a budget.

    ```
    L_budget = | mean over layers (mean over channels (attention on other frames)) - B |
    ```

    The loss holds only the mean over the layers; single layers may have larger or smaller shares.
    `SegmentModel(..., shift_budget=B)` adds this loss to those of the model.

    Args:
        model: `keras.Model` with `AttentionShift` layers.
        budget: B in [0, 1], the share of the channels that may read another frame.

    Returns:
        A scalar float32 tensor in [0, 1].

    Raises:
        ValueError: If the budget is outside [0, 1], or the model has no `AttentionShift`.

    Reference:
        RubiksNet paper, equation (8).
    """
    check_shift_budget(model, budget)
    shares = [layer.nonzero_share() for layer in find_layers(model, AttentionShift)]
    return keras.ops.abs(keras.ops.mean(keras.ops.stack(shares)) - budget)


def check_shift_budget(model, budget):
    """Raises ValueError if `model` cannot have the shift budget `budget`."""
    if not 0 <= budget <= 1:
        raise ValueError(f"`shift_budget` must be in [0, 1]. Received: shift_budget={budget!r}")
    if not find_layers(model, AttentionShift):
        raise ValueError(
            "A shift budget belongs to a model with `AttentionShift` layers, such as "
            f"rubiksnet_tiny_aq with more than one frame. Received: shift_budget={budget!r} for "
            f"{model.name!r}, which has none."
        )
