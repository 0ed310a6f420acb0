import keras
import numpy as np


@keras.saving.register_keras_serializable(package="gsf_tf")
class ShiftGroups(keras.initializers.Initializer):
    """ShiftNet's spatial shifts: one group of channels per position of a square window.

    Channel c reads from position `c % kernel_size**2` of the window, counted by rows; the channels
    that are left when all positions have equally many stay where they are. Neighboring
    channels move differently, so any contiguous fold of them that also moves in time does so
    in every direction.

    Args:
        kernel_size: Side of the window, odd.
        noise: Half the width of uniform noise around the integers, >= 0.
        seed: Integer, seed of the noise.

    Output shape:
        `[2, channels]`: vertical, horizontal.

    Reference:
        Wu et al., Shift: A Zero FLOP, Zero Parameter Alternative to Spatial Convolutions, CVPR
        2018; in the RubiksNet paper, Table 4, "Fixed [29]".
    """

    def __init__(self, kernel_size=3, noise=0.0, seed=None):
        if kernel_size < 1 or kernel_size % 2 == 0:
            raise ValueError(f"`kernel_size` must be odd. Received: kernel_size={kernel_size!r}")
        self.kernel_size = kernel_size
        self.noise = noise
        self.seed = seed
        self._noise = keras.initializers.RandomUniform(-noise, noise, seed)

    def __call__(self, shape, dtype=None):
        side = self.kernel_size
        window = np.indices((side, side)).reshape(2, -1) - side // 2
        groups = shape[1] // side**2
        shifts = np.zeros(shape)
        shifts[:, : groups * side**2] = np.tile(window, groups)
        return keras.ops.cast(shifts, dtype) + self._noise(shape, dtype)

    def get_config(self):
        return {"kernel_size": self.kernel_size, "noise": self.noise, "seed": self.seed}
