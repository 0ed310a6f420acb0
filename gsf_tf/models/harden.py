import dataclasses

import keras
import numpy as np

from gsf_tf.layers import AttentionShift, IntegerShift, RubiksShift2D
from gsf_tf.models.layer_lookup import find_layers
from gsf_tf.models.rebuild import rebuild
from gsf_tf.models.segment_model import SegmentModel
from gsf_tf.ops.reference.rubiks_shift import quantize


@dataclasses.dataclass(frozen=True)
class HardenedModel:
    """A model with integer shifts, and numbers about its conversion, as `harden` returns it.

    Attributes:
        model: `SegmentModel` with integer shifts.
        nonzero_shares: Dictionary from the name of each layer that was an `AttentionShift` to the
            share of its channels whose shift is not zero, in [0, 1].
        budget: The shift budget that the model was trained with, or None.
        largest_error: The largest difference between an attention weight and the 0 or 1 that
            replaced it; 0 for a model that is fully annealed.
    """

    model: keras.Model
    nonzero_shares: dict[str, float]
    budget: float | None
    largest_error: float

    @property
    def nonzero_share(self) -> float | None:
        """Mean of `nonzero_shares`, which equation (8) compares with the budget; None if empty."""
        if not self.nonzero_shares:
            return None
        return float(np.mean(list(self.nonzero_shares.values())))


def harden(model: SegmentModel) -> HardenedModel:
    """Replaces learned attention and quantized shifts by integer shifts.

    Every `AttentionShift` becomes an `IntegerShift` that moves each channel by its likeliest tap.
    Every quantized `RubiksShift2D` or `RubiksShift3D` keeps its rounded shifts and is frozen.
    Interpolated shifts stay as they are. If the attention of `model` is fully annealed, the new
    model has equal outputs.

    Args:
        model: `SegmentModel` of a RubiksNet.

    Returns:
        A `HardenedModel`. Its `model` shares no variables with the one that was passed.

    Raises:
        ValueError: If the model has neither attention nor quantized shifts.

    Example:

    ```python
    hardened = gsf_tf.models.harden(model)
    print(hardened.nonzero_share, hardened.budget)
    hardened.model.save("integer_shifts.keras")
    ```

    Reference:
        RubiksNet paper, section 3.1 and Figure 3 (b).
    """
    attention = find_layers(model, AttentionShift)
    quantized = [layer for layer in find_layers(model, RubiksShift2D) if layer.mode == "quantized"]
    if not attention and not quantized:
        raise ValueError(
            "`model` must have learned attention or quantized shifts to harden. "
            f"Received: {model.name!r}, which has neither (interpolated shifts are not integers)."
        )

    def replace(layer):
        if isinstance(layer, AttentionShift):
            hard = IntegerShift(layer.num_segments, name=layer.name, dtype=layer.dtype_policy)
            return hard, lambda: hard.shift.assign(layer.integer_shifts())
        if isinstance(layer, RubiksShift2D) and layer.mode == "quantized":
            config = layer.get_config()
            fixed = {name: "fixed" for name in ("spatial", "temporal") if name in config}
            hard = layer.__class__.from_config({**config, **fixed, "mode": "interpolated"})
            return hard, lambda: hard.shift.assign(quantize(layer.shift))
        return None

    shifts = {layer.name: np.array(layer.integer_shifts()) for layer in attention}
    return HardenedModel(
        model=rebuild(model, replace, shift_budget=None),
        nonzero_shares={name: float(np.mean(shift != 0)) for name, shift in shifts.items()},
        budget=model.shift_budget,
        largest_error=max((_rounding_error(layer) for layer in attention), default=0.0),
    )


def _rounding_error(layer):
    return float(1 - np.max(layer.distribution(), axis=0).min())
