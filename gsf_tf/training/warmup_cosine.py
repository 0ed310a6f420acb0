import math
from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="gsf_tf")
class WarmupCosine(keras.optimizers.schedules.LearningRateSchedule):
    """Learning rate with a linear warm-up from a tenth of the peak, then a cosine down to zero.

    Args:
        peak: Learning rate at the end of the warm-up, > 0.
        total_steps: Integer >= 1. Step from which on the rate is 0.
        warmup_steps: Integer in [0, total_steps). Steps of the warm-up.

    Raises:
        ValueError: If an argument breaks these rules.

    Example:

    ```python
    steps = len(dataset)
    schedule = gsf_tf.training.WarmupCosine(0.01, total_steps=60 * steps, warmup_steps=10 * steps)
    optimizer = gsf_tf.training.CoupledSGD(schedule, l2=5e-4, clip_norm=20.0)
    ```

    Reference:
        GSF paper, section 4.2 (10 of 60 epochs of warm-up); the start at a tenth of the peak
        follows the authors' code.
    """

    def __init__(self, peak: float, total_steps: int, warmup_steps: int = 0):
        if peak <= 0:
            raise ValueError(f"`peak` must be positive. Received: peak={peak}")
        if not 0 <= warmup_steps < total_steps:
            raise ValueError(
                "`warmup_steps` must be at least 0 and less than `total_steps`. "
                f"Received: warmup_steps={warmup_steps}, total_steps={total_steps}"
            )
        self.peak = peak
        self.total_steps = total_steps
        self.warmup_steps = warmup_steps

    def __call__(self, step: tf.Tensor | int) -> tf.Tensor:
        step = keras.ops.cast(step, "float32")
        warm = 0.1 + 0.9 * step / max(self.warmup_steps, 1)
        done = (step - self.warmup_steps) / (self.total_steps - self.warmup_steps)
        cosine = 0.5 * (1 + keras.ops.cos(math.pi * keras.ops.minimum(done, 1.0)))
        return self.peak * keras.ops.where(step < self.warmup_steps, warm, cosine)

    def get_config(self) -> dict[str, Any]:
        return {
            "peak": self.peak,
            "total_steps": self.total_steps,
            "warmup_steps": self.warmup_steps,
        }
