import keras
import numpy as np

from gsf_tf.layers import AttentionShift, RubiksShift2D
from gsf_tf.models.layer_lookup import find_layers

AXES = {3: ("time", "height", "width"), 2: ("height", "width")}


def shift_metrics(model):
    """Returns the mean shifts of a model, over its layers and channels.

    Args:
        model: `keras.Model`.

    Returns:
        A dictionary of floats, empty for a model without learned shifts. With attention it has
        `shift/nonzero_share` (the share of channels that move in time) and `shift/temperature`;
        with RubiksShift the mean magnitudes `shift/time` in frames, `shift/height` and
        `shift/width` in elements of the layer's map.
    """
    metrics = {}
    attention = find_layers(model, AttentionShift)
    if attention:
        metrics["shift/nonzero_share"] = float(
            np.mean([float(layer.nonzero_share()) for layer in attention])
        )
        temperature = keras.ops.convert_to_numpy(attention[0].temperature)
        metrics["shift/temperature"] = float(temperature)
    reaches = {}
    for layer in find_layers(model, RubiksShift2D):
        shift = np.abs(keras.ops.convert_to_numpy(layer.shift)).mean(axis=1)
        for axis, reach in zip(AXES[len(shift)], shift, strict=True):
            reaches.setdefault(axis, []).append(float(reach))
    metrics.update({f"shift/{axis}": float(np.mean(values)) for axis, values in reaches.items()})
    return metrics
