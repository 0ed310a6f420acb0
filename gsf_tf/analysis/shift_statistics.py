import dataclasses

import keras
import numpy as np

from gsf_tf.layers import AttentionShift, RubiksShift2D, TemporalLayer
from gsf_tf.models.layer_lookup import find_layers
from gsf_tf.ops.reference.rubiks_shift import quantize

AXES = {3: ("T", "H", "W"), 2: ("H", "W"), 1: ("T",)}


@dataclasses.dataclass(frozen=True, eq=False)
class ShiftStatistics:
    """The shifts of the channels of one layer.

    Attributes:
        name: Name of the layer.
        kind: Name of the layer's class, such as `"RubiksShift3D"`.
        shifts: Array `[3, C]` (time, vertical, horizontal), `[2, C]` (vertical, horizontal) or
            `[1, C]` (time), in frames and elements of the layer's map. Positive shifts read a later
            frame, further down or further right. A quantized layer has its unrounded shifts here;
            an `AttentionShift` has its likeliest shifts, which `gsf_tf.models.harden` would use.
        distribution: For an `AttentionShift` the weights of the shifts -1, 0 and 1 for each
            channel, `[3, C]`; None for other layers.
    """

    name: str
    kind: str
    shifts: np.ndarray
    distribution: np.ndarray | None = None

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of the rows of `shifts`: `("T", "H", "W")`, `("H", "W")` or `("T",)`."""
        return AXES[len(self.shifts)]

    @property
    def zero_share(self) -> np.ndarray:
        """Share of the channels whose rounded shift is zero, `[axes]`, in 0..1.

        For an `AttentionShift` it is the mean weight of the frame itself, which equation (8) of the
        RubiksNet paper holds to 1 - B.
        """
        if self.distribution is not None:
            return self.distribution[1:2].mean(axis=1)
        return np.mean(np.equal(quantize(self.shifts), 0), axis=1)

    @property
    def mean_reach(self) -> np.ndarray:
        """Mean over the channels of the shift's magnitude, `[axes]`."""
        return np.abs(self.shifts).mean(axis=1)

    @property
    def largest_reach(self) -> np.ndarray:
        """Largest magnitude of a channel's shift, `[axes]`."""
        return np.abs(self.shifts).max(axis=1)


def shift_statistics(model: keras.Model) -> list[ShiftStatistics]:
    """Returns the shifts of the channels of each layer of a RubiksNet.

    Args:
        model: `keras.Model` with layers of class `RubiksShift3D`, `RubiksShift2D`,
            `AttentionShift` or `IntegerShift`, or another `TemporalLayer` with `channel_shifts`.

    Returns:
        A list of `ShiftStatistics`, one per layer in the order of the model.

    Raises:
        ValueError: If the model has no such layer.

    Example:

    ```python
    model = gsf_tf.models.from_preset("rubiksnet_tiny", num_classes=174)
    for layer in gsf_tf.analysis.shift_statistics(model):
        print(layer.name, layer.axes, layer.zero_share, layer.mean_reach)
    ```

    Reference:
        RubiksNet paper, section 4.3, Figures 5 and 6.
    """
    layers = find_layers(model, (TemporalLayer, RubiksShift2D))
    statistics = [_statistics(layer) for layer in layers if layer.channel_shifts() is not None]
    if not statistics:
        raise ValueError(
            "`model` must have layers that shift: RubiksShift3D, RubiksShift2D, AttentionShift or "
            f"IntegerShift. Received: {model.name!r}, which has none. Use a rubiksnet_* preset."
        )
    return statistics


def _statistics(layer):
    shifts = np.array(layer.channel_shifts(), "float32")
    is_attention = isinstance(layer, AttentionShift)
    distribution = np.array(layer.distribution()) if is_attention else None
    return ShiftStatistics(layer.name, type(layer).__name__, shifts, distribution)
