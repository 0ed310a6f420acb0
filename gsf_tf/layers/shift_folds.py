from typing import Any

import keras
import numpy as np
import tensorflow as tf


@keras.saving.register_keras_serializable(package="gsf_tf")
class ShiftFolds(keras.initializers.Initializer):
    """Initializer with the temporal shifts of TSM.

    The first fold of the channels reads the next frame, the second fold reads the previous frame,
    and the other channels do not move.

    Args:
        fold_div: Integer >= 2. A fold has `channels // fold_div` channels; 8 in TSM.
        noise: The shifts get uniform noise in [-noise, noise), >= 0.
        seed: Seed of the noise, an integer; None for a random one.

    Output shape:
        `[1, channels]`

    Reference:
        Lin et al., TSM, ICCV 2019; in the RubiksNet paper, Table 4, "Fixed [16]".
    """

    def __init__(self, fold_div: int = 8, noise: float = 0.0, seed: int | None = None):
        if fold_div < 2:
            raise ValueError(f"`fold_div` must be at least 2. Received: fold_div={fold_div!r}")
        self.fold_div = fold_div
        self.noise = noise
        self.seed = seed
        self._noise = keras.initializers.RandomUniform(-noise, noise, seed)

    def __call__(self, shape: tuple[int, ...], dtype: str | None = None) -> tf.Tensor:
        fold = shape[1] // self.fold_div
        shifts = np.zeros(shape)
        shifts[:, :fold] = 1
        shifts[:, fold : 2 * fold] = -1
        return keras.ops.cast(shifts, dtype) + self._noise(shape, dtype)

    def get_config(self) -> dict[str, Any]:
        return {"fold_div": self.fold_div, "noise": self.noise, "seed": self.seed}
