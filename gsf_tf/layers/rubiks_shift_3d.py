from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras.initializers import Initializer

from gsf_tf import ops
from gsf_tf.layers.arguments import check_causal, check_feature_map, check_learning
from gsf_tf.layers.held_shift import held_shift
from gsf_tf.layers.rubiks_shift_2d import RubiksShift2D
from gsf_tf.layers.shift_folds import ShiftFolds
from gsf_tf.layers.temporal_layer import TemporalLayer


@keras.saving.register_keras_serializable(package="gsf_tf")
class RubiksShift3D(RubiksShift2D, TemporalLayer):
    """Learnable spatiotemporal shift: every channel moves by a real vector in time and space.

    The layer has three parameters per channel. Together with the 1x1 convolution that follows it,
    it replaces a 3x3x3 convolution. A positive shift reads a later frame, further down or further
    right; elements outside of the clip are zeros. The variable `shift` is `[3, C]`, with the rows
    time, vertical and horizontal, and float32 under every policy. Fixed rows have a gradient of
    zero, and `gsf_tf.training.CoupledSGD` leaves them out of its weight decay; with another
    optimizer that decays weights, exclude `shift` (`optimizer.exclude_from_weight_decay`).

    Args:
        num_segments: Integer >= 1. Frames per clip, T.
        strides: Integer >= 1. Stride of height and width.
        mode: `"interpolated"` (RS), or `"quantized"` (RS-Q: moves by the nearest integers, with
            the gradient of the interpolation).
        spatial: `"learned"`, or `"fixed"`: the spatial shifts keep their initial values. The rows
            of Table 4 are the combinations of `spatial` and `temporal`.
        temporal: `"learned"`, or `"fixed"`: the temporal shifts keep their initial values.
        spatial_initializer: Initializer of the vertical and horizontal shifts `[2, C]`; by default
            uniform in [-1, 1) for learned shifts and `ShiftGroups()` for fixed ones.
        temporal_initializer: Initializer of the temporal shifts `[1, C]`; by default uniform in
            [-1, 1) for learned shifts and `ShiftFolds()` for fixed ones.
        causal: Whether no frame reads a later one: the temporal shifts are held in [-1, 0].
        **kwargs: Arguments of `keras.layers.Layer`.

    Input shape:
        `[B * T, H, W, C]`, the frames of a clip next to each other.

    Output shape:
        `[B * T, ceil(H / strides), ceil(W / strides), C]`

    Raises:
        ValueError: If an argument breaks these rules.

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
        num_segments: int,
        strides: int = 1,
        mode: str = "interpolated",
        spatial: str = "learned",
        temporal: str = "learned",
        spatial_initializer: Initializer | str | dict | None = None,
        temporal_initializer: Initializer | str | dict | None = None,
        causal: bool = False,
        **kwargs: Any,
    ):
        super().__init__(
            strides, mode, spatial, spatial_initializer, num_segments=num_segments, **kwargs
        )
        self.temporal = check_learning("temporal", temporal)
        self.causal = check_causal(causal)
        uniform = keras.initializers.RandomUniform(-1, 0 if causal else 1)
        default = ShiftFolds() if temporal == "fixed" else uniform
        self.temporal_initializer = keras.initializers.get(temporal_initializer or default)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        channels = check_feature_map(self.name, input_shape)
        self.shift = self.add_weight(
            shape=(3, channels),
            initializer=self._initial_shift,
            trainable="learned" in (self.spatial, self.temporal),
            dtype="float32",
            autocast=False,
            name="shift",
        )
        # The optimizer recognizes shifts by this attribute, T / H of the input of the layer.
        height = input_shape[1]
        self.shift.shift_aspect = None if height is None else self.num_segments / height
        # The optimizer decays these rows only: time, vertical, horizontal.
        learned = (self.temporal, self.spatial, self.spatial)
        self.shift.learned_rows = tuple(row == "learned" for row in learned)

    def _initial_shift(self, shape, dtype=None):
        channels = shape[1]
        return keras.ops.concatenate(
            [
                self.temporal_initializer((1, channels), dtype),
                self.spatial_initializer((2, channels), dtype),
            ]
        )

    @property
    def has_identity_start(self) -> bool:
        """Whether shifts of zero are a start: False if a row is fixed or the strides are not 1."""
        return self.strides == 1 and self.temporal == self.spatial == "learned"

    def start_as_identity(self) -> tuple[np.ndarray, np.ndarray]:
        """Sets all shifts to zero; see `TemporalLayer`.

        Returns:
            `(order, scale)`: the channels keep their order and their scale, 1.

        Raises:
            ValueError: If a row of shifts is fixed, or the strides are not 1.
        """
        if not self.has_identity_start:
            return super().start_as_identity()
        self.shift.assign(keras.ops.zeros_like(self.shift))
        channels = self.shift.shape[1]
        return np.arange(channels), np.ones(channels)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        temporal, spatial = self.shift[:1], self.shift[1:]
        if self.causal:
            temporal = held_shift(tf.convert_to_tensor(temporal))
        if self.temporal == "fixed":
            temporal = keras.ops.stop_gradient(temporal)
        if self.spatial == "fixed":
            spatial = keras.ops.stop_gradient(spatial)
        shift = keras.ops.concatenate([temporal, spatial])
        return ops.rubiks_shift(inputs, shift, self.num_segments, self.strides, self.mode)

    def channel_shifts(self) -> tf.Tensor:
        """Returns the unrounded shifts in time, vertical and horizontal, float32 `[3, C]`."""
        shift = super().channel_shifts()
        if not self.causal:
            return shift
        return tf.concat([held_shift(shift[:1]), shift[1:]], axis=0)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config.update(
            temporal=self.temporal,
            temporal_initializer=keras.initializers.serialize(self.temporal_initializer),
            causal=self.causal,
        )
        return config
