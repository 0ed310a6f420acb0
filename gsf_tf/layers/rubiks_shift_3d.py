import keras

from gsf_tf import ops
from gsf_tf.layers.arguments import check_feature_map, check_learning
from gsf_tf.layers.rubiks_shift_2d import RubiksShift2D
from gsf_tf.layers.shift_folds import ShiftFolds
from gsf_tf.layers.temporal_layer import TemporalLayer


@keras.saving.register_keras_serializable(package="gsf_tf")
class RubiksShift3D(RubiksShift2D, TemporalLayer):
    """Learnable spatiotemporal shift: every channel moves by a real vector in time and space.

    It has three parameters per channel and, with the 1x1 convolution that follows it, takes the
    place of a 3x3x3 convolution. A positive shift reads later, further down or right; beyond the
    clip there are zeros. The variable `shift` is `[3, C]`: rows time, vertical, horizontal, float32
    under every policy. A row that is fixed gets a gradient of zero.

    Args:
        num_segments: Integer >= 1. Frames per clip, T.
        strides: Integer >= 1, of height and width.
        mode: `"interpolated"` (RS), or `"quantized"` (RS-Q: moves by the nearest integers, with
            the gradient of the interpolation).
        spatial: `"learned"` or `"fixed"`; the rows of Table 4 are its products with `temporal`.
        temporal: `"learned"` or `"fixed"`.
        spatial_initializer: Initializer of the vertical and horizontal shifts `[2, C]`; by
            default uniform in [-1, 1) where they are learned and `ShiftGroups()` where fixed.
        temporal_initializer: Initializer of the temporal shifts `[1, C]`; by default uniform in
            [-1, 1) where they are learned and `ShiftFolds()` where fixed.

    Input shape:
        `[B * T, H, W, C]`, frames of a clip next to each other.

    Output shape:
        `[B * T, ceil(H / strides), ceil(W / strides), C]`

    Example:

    ```python
    shift = gsf_tf.layers.RubiksShift3D(num_segments=8, strides=2)
    y = shift(keras.random.normal((2 * 8, 14, 14, 64)))
    ```

    Reference:
        RubiksNet paper, section 3.1, equations (4)-(6), and Table 4.
    """

    method = "rubiksnet"
    replaces_layer = True

    def __init__(
        self,
        num_segments,
        strides=1,
        mode="interpolated",
        spatial="learned",
        temporal="learned",
        spatial_initializer=None,
        temporal_initializer=None,
        **kwargs,
    ):
        super().__init__(
            strides, mode, spatial, spatial_initializer, num_segments=num_segments, **kwargs
        )
        self.temporal = check_learning("temporal", temporal)
        default = ShiftFolds() if temporal == "fixed" else keras.initializers.RandomUniform(-1, 1)
        self.temporal_initializer = keras.initializers.get(temporal_initializer or default)

    def build(self, input_shape):
        channels = check_feature_map(self.name, input_shape)
        self.shift = self.add_weight(
            shape=(3, channels),
            initializer=self._initial_shift,
            trainable="learned" in (self.spatial, self.temporal),
            dtype="float32",
            autocast=False,
            name="shift",
        )
        # Tells the optimizer that this variable is a shift, and its layer's T / H.
        height = input_shape[1]
        self.shift.shift_aspect = None if height is None else self.num_segments / height

    def _initial_shift(self, shape, dtype=None):
        channels = shape[1]
        return keras.ops.concatenate(
            [
                self.temporal_initializer((1, channels), dtype),
                self.spatial_initializer((2, channels), dtype),
            ]
        )

    def call(self, inputs):
        temporal, spatial = self.shift[:1], self.shift[1:]
        if self.temporal == "fixed":
            temporal = keras.ops.stop_gradient(temporal)
        if self.spatial == "fixed":
            spatial = keras.ops.stop_gradient(spatial)
        shift = keras.ops.concatenate([temporal, spatial])
        return ops.rubiks_shift(inputs, shift, self.num_segments, self.strides, self.mode)

    def get_config(self):
        config = super().get_config()
        config.update(
            temporal=self.temporal,
            temporal_initializer=keras.initializers.serialize(self.temporal_initializer),
        )
        return config
