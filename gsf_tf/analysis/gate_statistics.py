import dataclasses
from collections.abc import Iterable

import keras
import numpy as np
import tensorflow as tf

from gsf_tf.analysis.gate_model import gate_model, gated_layers

BINS = 80
# tanh learns at less than 2 % of its largest slope beyond this value.
SATURATED = 0.99


@dataclasses.dataclass(frozen=True, eq=False)
class GateStatistics:
    """The gates of one layer over many clips.

    The rows of the arrays are the two halves of the channels: the first reads the next frame, the
    second the previous one. In a causal layer both read the previous one.

    Attributes:
        name: Name of the layer.
        edges: Edges of the bins, `[bins + 1]`, from -1 to 1.
        counts: Number of gates in each bin, int64 `[2, bins]`.
        magnitude: Mean of |gate|, `[2]` in [0, 1].
        saturated: Share of the gates with |gate| of `threshold` and more, `[2]` in [0, 1].
        threshold: The magnitude from which on a gate counts as saturated.
        causal: Whether the layer is causal.
    """

    name: str
    edges: np.ndarray
    counts: np.ndarray
    magnitude: np.ndarray
    saturated: np.ndarray
    threshold: float
    causal: bool = False

    @property
    def shares(self) -> np.ndarray:
        """Share of the half's gates in each bin, `[2, bins]`; each row sums to 1."""
        return self.counts / self.counts.sum(axis=1, keepdims=True)


def gate_statistics(
    model: keras.Model,
    clips: Iterable[np.ndarray | tf.Tensor],
    *,
    bins: int = BINS,
    saturated: float = SATURATED,
) -> list[GateStatistics]:
    """Counts the values of all learned gates of a model over clips, at inference.

    Args:
        model: `SegmentModel` with layers `GateShiftFuse` or `GateShift`.
        clips: Batches `[B, T, H, W, 3]` in 0..255, such as those of a split. They are read once.
        bins: Number of bins between -1 and 1, at least 1.
        saturated: Magnitude from which on a gate counts as saturated, in (0, 1].

    Returns:
        A list of `GateStatistics`, one per layer in the order of the model.

    Raises:
        ValueError: If the model has no learned gates, a number is out of its range, or there are no
            clips.

    Example:

    ```python
    model = gsf_tf.models.from_preset("gsf_resnet14thin", num_classes=12, input_shape=(64, 64, 3))
    batches = [keras.random.uniform((2, 8, 64, 64, 3), 0, 255)]
    for layer in gsf_tf.analysis.gate_statistics(model, batches):
        print(layer.name, layer.magnitude, layer.saturated)
    ```

    Reference:
        GSF paper, Figure 8.
    """
    if int(bins) != bins or bins < 1 or not 0 < saturated <= 1:
        raise ValueError(
            "`bins` must be an integer >= 1 and `saturated` in (0, 1]. "
            f"Received: bins={bins!r}, saturated={saturated!r}"
        )
    gates = gate_model(model)
    run = tf.function(lambda clip: gates(clip, training=False), autograph=False)
    edges = np.linspace(-1, 1, int(bins) + 1)
    sums = {layer.name: _Sums(edges, saturated, layer.causal) for layer in gated_layers(model)}
    batches = 0
    for clip in clips:
        batches += 1
        for layer, values in run(tf.convert_to_tensor(clip)).items():
            sums[layer].add(values.numpy())
    if not batches:
        raise ValueError("`clips` must have a batch of clips. Received: none")
    return [layer_sums.result(layer) for layer, layer_sums in sums.items()]


class _Sums:
    """Counts of the gates of a layer, batch by batch."""

    def __init__(self, edges, threshold, causal):
        self._edges, self._threshold, self._causal = edges, threshold, causal
        self._counts = np.zeros((2, len(edges) - 1), np.int64)
        self._magnitude, self._saturated = np.zeros(2), np.zeros(2)

    def add(self, gates):
        halves = np.clip(gates.reshape(-1, 2).T, -1, 1)
        self._counts += np.stack([np.histogram(half, self._edges)[0] for half in halves])
        self._magnitude += np.abs(halves).sum(axis=1, dtype=np.float64)
        self._saturated += (np.abs(halves) >= self._threshold).sum(axis=1)

    def result(self, name):
        number = self._counts.sum(axis=1)
        return GateStatistics(
            name,
            self._edges,
            self._counts,
            self._magnitude / number,
            self._saturated / number,
            self._threshold,
            self._causal,
        )
