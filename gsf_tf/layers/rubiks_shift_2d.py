import keras

from gsf_tf import ops
from gsf_tf.layers.arguments import check_feature_map, check_learning, check_mode, check_strides
from gsf_tf.layers.shift_groups import ShiftGroups


@keras.saving.register_keras_serializable(package="gsf_tf")
class RubiksShift2D(keras.layers.Layer):
    """Learnable spatial shift: every channel moves by a real number of rows and columns.

    It has two parameters per channel and, with the 1x1 convolution that follows it, takes the
    place of a spatial convolution. A positive shift reads further down or right; beyond the
    map there are zeros. The variable `shift` is `[2, C]`, vertical and horizontal, float32 under
    every policy: its steps are far below what half precision resolves.

    Args:
        strides: Integer >= 1, of height and width.
        mode: `"interpolated"` (RS), or `"quantized"` (RS-Q: moves by the nearest integers, with
            the gradient of the interpolation).
        spatial: `"learned"`, or `"fixed"`: the shifts stay as they were initialized.
        spatial_initializer: Initializer of the shifts `[2, C]`; by default uniform in
            [-1, 1) where they are learned and `ShiftGroups()` where they are fixed.

    Input shape:
        `[N, H, W, C]`

    Output shape:
        `[N, ceil(H / strides), ceil(W / strides), C]`

    Example:

    ```python
    shift = gsf_tf.layers.RubiksShift2D(strides=2)
    y = shift(keras.random.normal((2, 14, 14, 64)))
    ```

    Reference:
        RubiksNet paper, section 3.1, equations (4)-(6) without time, and section 4.1, "Spatial
        Shift Pretraining".
    """

    op = "rubiks_shift"

    def __init__(
        self, strides=1, mode="interpolated", spatial="learned", spatial_initializer=None, **kwargs
    ):
        super().__init__(**kwargs)
        self.strides = check_strides(strides)
        self.mode = check_mode(mode)
        self.spatial = check_learning("spatial", spatial)
        default = ShiftGroups() if spatial == "fixed" else keras.initializers.RandomUniform(-1, 1)
        self.spatial_initializer = keras.initializers.get(spatial_initializer or default)
        # XLA has no kernel for the compiled form, and the reference's number of taps depends on the
        # values of the shifts, which XLA cannot compile.
        self.supports_jit = False

    def build(self, input_shape):
        self.shift = self.add_weight(
            shape=(2, check_feature_map(self.name, input_shape)),
            initializer=self.spatial_initializer,
            trainable=self.spatial == "learned",
            dtype="float32",
            autocast=False,
            name="shift",
        )
        # Tells the optimizer that this variable is a shift; without time there is no aspect.
        self.shift.shift_aspect = 1.0

    def call(self, inputs):
        return ops.rubiks_shift(inputs, self.shift, strides=self.strides, mode=self.mode)

    def channel_shifts(self):
        """Returns the shifts as they are learned, float32 `[2, C]`: vertical, horizontal."""
        return self.shift.value

    def count_macs(self, input_shape, output_shape):
        return 0, 0  # As the papers have it, also where the shift interpolates.

    def compute_output_shape(self, input_shape):
        frames, *size, channels = input_shape
        size = [None if side is None else -(-side // self.strides) for side in size]
        return (frames, *size, channels)

    def get_config(self):
        config = super().get_config()
        config.update(
            strides=self.strides,
            mode=self.mode,
            spatial=self.spatial,
            spatial_initializer=keras.initializers.serialize(self.spatial_initializer),
        )
        return config
