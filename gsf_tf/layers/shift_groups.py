from typing import Any

import keras
import numpy as np
import tensorflow as tf


@keras.saving.register_keras_serializable(package="gsf_tf")
class ShiftGroups(keras.initializers.Initializer):
    """Initializer with the spatial shifts of ShiftNet: one direction per position of a window.

    Channel c reads from position `c % kernel_size**2` of a square window, counted by columns: in a
    3x3 window, channel c of the first nine moves by c % 3 - 1 rows and c // 3 - 1 columns. All
    positions have the same number of channels; the remaining channels do not move. Because
    neighboring channels move differently, every contiguous fold of channels, such as one that also
    moves in time, contains all directions.

    Args:
        kernel_size: Side of the window, an odd integer >= 1.
        noise: The shifts get uniform noise in [-noise, noise), >= 0.
        seed: Seed of the noise, an integer; None for a random one.
        order: `"columns"`, as in the authors' code, or `"rows"`: the positions are counted by
            rows, so channel c moves by c // 3 - 1 rows and c % 3 - 1 columns. Files of gsf_tf that
            do not state the order have `"rows"`.

    Output shape:
        `[2, channels]`: vertical, horizontal.

    Reference:
        Wu et al., Shift: A Zero FLOP, Zero Parameter Alternative to Spatial Convolutions, CVPR
        2018; in the RubiksNet paper, Table 4, "Fixed [29]".
    """

    def __init__(
        self,
        kernel_size: int = 3,
        noise: float = 0.0,
        seed: int | None = None,
        order: str = "columns",
    ):
        if kernel_size < 1 or kernel_size % 2 == 0:
            raise ValueError(f"`kernel_size` must be odd. Received: kernel_size={kernel_size!r}")
        if order not in ("columns", "rows"):
            raise ValueError(f"`order` must be 'columns' or 'rows'. Received: order={order!r}")
        self.kernel_size = kernel_size
        self.noise = noise
        self.seed = seed
        self.order = order
        self._noise = keras.initializers.RandomUniform(-noise, noise, seed)

    def __call__(self, shape: tuple[int, ...], dtype: str | None = None) -> tf.Tensor:
        side = self.kernel_size
        window = np.indices((side, side)).reshape(2, -1) - side // 2
        if self.order == "columns":
            window = window[::-1]
        groups = shape[1] // side**2
        shifts = np.zeros(shape)
        shifts[:, : groups * side**2] = np.tile(window, groups)
        return keras.ops.cast(shifts, dtype) + self._noise(shape, dtype)

    def get_config(self) -> dict[str, Any]:
        return {
            "kernel_size": self.kernel_size,
            "noise": self.noise,
            "seed": self.seed,
            "order": self.order,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "ShiftGroups":
        return cls(**{"order": "rows", **config})
