import keras
import numpy as np


@keras.saving.register_keras_serializable(package="gsf_tf")
class ShiftFolds(keras.initializers.Initializer):
    """TSM's temporal shifts: a fold of the channels reads one frame later, one a frame earlier.

    Args:
        fold_div: Integer >= 2. A fold is one part in `fold_div` of the channels; the rest
            does not move. 8 in TSM.
        noise: Half the width of uniform noise around the integers, >= 0.
        seed: Integer, seed of the noise.

    Output shape:
        `[1, channels]`

    Reference:
        Lin et al., TSM, ICCV 2019; in the RubiksNet paper, Table 4, "Fixed [16]".
    """

    def __init__(self, fold_div=8, noise=0.0, seed=None):
        if fold_div < 2:
            raise ValueError(f"`fold_div` must be at least 2. Received: fold_div={fold_div!r}")
        self.fold_div = fold_div
        self.noise = noise
        self.seed = seed
        self._noise = keras.initializers.RandomUniform(-noise, noise, seed)

    def __call__(self, shape, dtype=None):
        fold = shape[1] // self.fold_div
        shifts = np.zeros(shape)
        shifts[:, :fold] = 1
        shifts[:, fold : 2 * fold] = -1
        return keras.ops.cast(shifts, dtype) + self._noise(shape, dtype)

    def get_config(self):
        return {"fold_div": self.fold_div, "noise": self.noise, "seed": self.seed}
