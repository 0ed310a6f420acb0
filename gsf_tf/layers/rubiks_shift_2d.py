from typing import Any

import keras
import tensorflow as tf
from keras.initializers import Initializer

from gsf_tf import ops
from gsf_tf.layers.arguments import check_feature_map, check_learning, check_mode, check_strides
from gsf_tf.layers.shift_groups import ShiftGroups


@keras.saving.register_keras_serializable(package="gsf_tf")
class RubiksShift2D(keras.layers.Layer):
    """Learnable spatial shift: every channel moves by a real number of rows and columns.

    The layer has two parameters per channel. Together with the 1x1 convolution that follows it, it
    replaces a spatial convolution. A positive shift reads further down or further right; elements
    outside of the map are zeros. The variable `shift` is `[2, C]`, vertical and horizontal. It is
    float32 under every policy, because half precision cannot resolve the steps of its training.

    Args:
        strides: Integer >= 1. Stride of height and width.
        mode: `"interpolated"` (RS), or `"quantized"` (RS-Q: moves by the nearest integers, with
            the gradient of the interpolation).
        spatial: `"learned"`, or `"fixed"`: the shifts keep their initial values.
        spatial_initializer: Initializer of the shifts `[2, C]`; by default uniform in [-1, 1) for
            learned shifts and `ShiftGroups()` for fixed ones.
        **kwargs: Arguments of `keras.layers.Layer`.

    Input shape:
        `[N, H, W, C]`

    Output shape:
        `[N, ceil(H / strides), ceil(W / strides), C]`

    Raises:
        ValueError: If an argument breaks these rules.

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
        self,
        strides: int = 1,
        mode: str = "interpolated",
        spatial: str = "learned",
        spatial_initializer: Initializer | str | dict | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.strides = check_strides(strides)
        self.mode = check_mode(mode)
        self.spatial = check_learning("spatial", spatial)
        default = ShiftGroups() if spatial == "fixed" else keras.initializers.RandomUniform(-1, 1)
        self.spatial_initializer = keras.initializers.get(spatial_initializer or default)
        # XLA has no kernel for the compiled op. It cannot compile the reference either, whose
        # number of taps depends on the values of the shifts.
        self.supports_jit = False

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.shift = self.add_weight(
            shape=(2, check_feature_map(self.name, input_shape)),
            initializer=self.spatial_initializer,
            trainable=self.spatial == "learned",
            dtype="float32",
            autocast=False,
            name="shift",
        )
        # The optimizer recognizes shifts by this attribute; a spatial shift needs no T / H.
        self.shift.shift_aspect = 1.0

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return ops.rubiks_shift(inputs, self.shift, strides=self.strides, mode=self.mode)

    def channel_shifts(self) -> tf.Tensor:
        """Returns the unrounded shifts, float32 `[2, C]` or, with time, `[3, C]`.

        The rows are time (if there is one), vertical and horizontal.
        """
        return self.shift.value

    def count_macs(
        self, input_shape: tuple[int, ...], output_shape: tuple[int, ...]
    ) -> tuple[int, int]:
        """Returns 0 MACs: the papers count shifts as free, even if they interpolate."""
        return 0, 0

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        frames, *size, channels = input_shape
        size = [None if side is None else -(-side // self.strides) for side in size]
        return (frames, *size, channels)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config.update(
            strides=self.strides,
            mode=self.mode,
            spatial=self.spatial,
            spatial_initializer=keras.initializers.serialize(self.spatial_initializer),
        )
        return config
