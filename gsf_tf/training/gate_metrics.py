import keras

from gsf_tf.layers import GateShift, GateShiftFuse
from gsf_tf.models.layer_lookup import find_layers, normalized_frames

# The metric is a mean over all positions of all maps, so a few clips give it two digits.
MAX_CLIPS = 4


def gate_metrics(model, clips):
    """Returns how far the gates of GSF or GSM are open on a few clips, at inference.

    Args:
        model: `SegmentModel`.
        clips: `[B, T, H, W, 3]` in 0..255; at most `MAX_CLIPS` of them are used.

    Returns:
        A dictionary with `gate/magnitude`, the mean of |gate| over layers, frames, positions and
        halves, in [0, 1]: 0 for closed gates, with which no feature moves in time. Empty for a
        model without learned gates, or without clips.
    """
    layers = find_layers(model, (GateShift, GateShiftFuse))
    layers = [layer for layer in layers if layer.gate == "learned"]
    if not layers or not len(clips):
        return {}
    inputs = keras.Model(model.backbone.input, [layer.input for layer in layers])
    maps = inputs(normalized_frames(model, clips[:MAX_CLIPS]), training=False)
    magnitudes = [
        keras.ops.mean(keras.ops.abs(keras.ops.cast(layer.gates(x), "float32")))
        for layer, x in zip(layers, keras.tree.flatten(maps), strict=True)
    ]
    return {"gate/magnitude": float(keras.ops.mean(keras.ops.stack(magnitudes)))}
