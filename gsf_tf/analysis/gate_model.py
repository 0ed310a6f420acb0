import keras

from gsf_tf.layers import GateShiftFuse
from gsf_tf.layers.gated_shift import GatedShift
from gsf_tf.models import SegmentModel
from gsf_tf.models.layer_lookup import find_layers


def gate_model(model: keras.Model) -> keras.Model:
    """Returns a model of all learned gates of a GSF or GSM network, at inference.

    It shares the weights of `model`, so it shows the gates of whatever `model` learns later.

    Args:
        model: `SegmentModel` with layers `GateShiftFuse` or `GateShift`.

    Returns:
        A `keras.Model` from clips `[B, T, H, W, 3]` in 0..255 to a dictionary: from the name of
        each layer, in the order of the network, to its gates, float32 `[B, T, h, w, 2]` in (-1, 1).
        The last axis has the two halves of the channels: those that read the next frame, and those
        that read the previous one. In a causal model both read the previous one.

    Raises:
        ValueError: If the model is no `SegmentModel`, or has no learned gates.

    Example:

    ```python
    model = gsf_tf.models.from_preset("gsf_resnet14thin", num_classes=12, input_shape=(64, 64, 3))
    gates = gsf_tf.analysis.gate_model(model)(keras.random.uniform((2, 8, 64, 64, 3), 0, 255))
    {name: values.shape for name, values in gates.items()}
    ```

    Reference:
        GSF paper, equations (1) and (2); Figure 8 shows their values.
    """
    return _model_of(model, gated_layers(model), _Gates)


def fusion_model(model: keras.Model) -> keras.Model:
    """Returns a model of all fusion weights F of a GSF network, at inference.

    It shares the weights of `model`. F is the share of the shifted features in the output of a
    layer, 1 - F that of the features that stay in their frame.

    Args:
        model: `SegmentModel` with layers `GateShiftFuse`.

    Returns:
        A `keras.Model` from clips `[B, T, H, W, 3]` in 0..255 to a dictionary: from the name of
        each layer, in the order of the network, to its fusion weights, float32 `[B, T, 2, P / 2]`
        in (0, 1), for the two halves of its P processed channels.

    Raises:
        ValueError: If the model is no `SegmentModel`, or has no learned fusion.

    Example:

    ```python
    model = gsf_tf.models.from_preset("gsf_resnet14thin", num_classes=12, input_shape=(64, 64, 3))
    fusions = gsf_tf.analysis.fusion_model(model)(keras.random.uniform((2, 8, 64, 64, 3), 0, 255))
    ```

    Reference:
        GSF paper, equations (7)-(10).
    """
    _check_model(model)
    layers = [each for each in find_layers(model, GateShiftFuse) if each.fusion == "learned"]
    if not layers:
        raise ValueError(
            "`model` must have layers that learn a fusion, GateShiftFuse. "
            f"Received: {model.name!r}, which has none. Use a gsf_* preset."
        )
    return _model_of(model, layers, _Fusions)


def gated_layers(model):
    """Returns the layers of a model that learn a gate, in order; there is at least one."""
    _check_model(model)
    layers = [layer for layer in find_layers(model, GatedShift) if layer.gate == "learned"]
    if not layers:
        raise ValueError(
            "`model` must have layers that learn a gate, GateShiftFuse or GateShift. "
            f"Received: {model.name!r}, which has none. Use a gsf_* or gsm_* preset."
        )
    return layers


def _check_model(model):
    if not isinstance(model, SegmentModel):
        raise ValueError(
            "`model` must be a SegmentModel, whose input is a clip. "
            f"Received: {model.name!r}, a {type(model).__name__}"
        )


def _model_of(model, layers, kind):
    """Returns a model from clips to what a layer of class `kind` computes of each layer's input."""
    maps = keras.Model(model.backbone.input, [layer.input for layer in layers])
    inputs = keras.tree.flatten(maps(model.get_layer("normalization").output, training=False))
    outputs = {
        layer.name: kind(layer, name=f"of_layer_{number}")(x)
        for number, (layer, x) in enumerate(zip(layers, inputs, strict=True))
    }
    return keras.Model(model.input, outputs)


class _Gates(keras.layers.Layer):
    """The gates of a layer for its input, by clip."""

    def __init__(self, gated, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.gated = gated

    def call(self, inputs):
        gates = keras.ops.cast(self.gated.gates(inputs), "float32")
        segments = self.gated.num_segments
        return keras.ops.reshape(gates, (-1, segments, *keras.ops.shape(gates)[1:3], 2))

    def compute_output_spec(self, inputs):
        _, height, width, _ = inputs.shape
        return keras.KerasTensor((None, self.gated.num_segments, height, width, 2), "float32")


class _Fusions(keras.layers.Layer):
    """The fusion weights of a layer for its input, by clip."""

    def __init__(self, fusing, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.fusing = fusing

    def call(self, inputs):
        weights = keras.ops.cast(self.fusing.fusions(inputs), "float32")
        return keras.ops.reshape(weights, (-1, self.fusing.num_segments, *weights.shape[1:]))

    def compute_output_spec(self, inputs):
        half = self.fusing.processed_channels(inputs.shape[-1]) // 2
        return keras.KerasTensor((None, self.fusing.num_segments, 2, half), "float32")
