from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="gsf_tf")
class WarmupSteps(keras.optimizers.schedules.LearningRateSchedule):
    """Learning rate with a linear warm-up from a tenth of the peak, then falling in steps.

    Args:
        peak: Learning rate at the end of the warm-up, > 0.
        boundaries: Increasing integers >= 1. From each of these optimizer steps on, the rate is
            multiplied by `factor`.
        factor: Float in (0, 1).
        warmup_steps: Integer >= 0. Optimizer steps of the warm-up.

    Raises:
        ValueError: If an argument breaks these rules.

    Example:

    ```python
    steps = len(dataset)
    schedule = gsf_tf.training.WarmupSteps(0.01, boundaries=[20 * steps, 40 * steps])
    ```

    Reference:
        Lin et al., TSM: Temporal Shift Module, ICCV 2019, section 5.1: 50 epochs, a tenth of the
        rate from epochs 20 and 40 on.
    """

    def __init__(
        self, peak: float, boundaries: Sequence[int], factor: float = 0.1, warmup_steps: int = 0
    ):
        if peak <= 0:
            raise ValueError(f"`peak` must be positive. Received: peak={peak}")
        boundaries = list(boundaries)
        if any(step < 1 for step in boundaries) or sorted(set(boundaries)) != boundaries:
            raise ValueError(
                "`boundaries` must be steps >= 1 in increasing order. "
                f"Received: boundaries={boundaries}"
            )
        if not 0 < factor < 1:
            raise ValueError(f"`factor` must be in (0, 1). Received: factor={factor}")
        if warmup_steps < 0:
            raise ValueError(
                f"`warmup_steps` must be at least 0. Received: warmup_steps={warmup_steps}"
            )
        self.peak = peak
        self.boundaries = boundaries
        self.factor = factor
        self.warmup_steps = warmup_steps

    def __call__(self, step: tf.Tensor | int) -> tf.Tensor:
        step = keras.ops.cast(step, "float32")
        warm = 0.1 + 0.9 * step / max(self.warmup_steps, 1)
        rate = self.peak * keras.ops.where(step < self.warmup_steps, warm, 1.0)
        for boundary in self.boundaries:
            rate = keras.ops.where(step < boundary, rate, rate * self.factor)
        return rate

    def get_config(self) -> dict[str, Any]:
        return {
            "peak": self.peak,
            "boundaries": self.boundaries,
            "factor": self.factor,
            "warmup_steps": self.warmup_steps,
        }
