import math

import keras


@keras.saving.register_keras_serializable(package="gsf_tf")
class WarmupCosine(keras.optimizers.schedules.LearningRateSchedule):
    """Linear warm-up from a tenth of the peak, then a cosine down to zero, by step.

    Args:
        peak: Learning rate at the end of the warm-up, > 0.
        total_steps: Integer >= 1; the rate is 0 from this step on.
        warmup_steps: Integer in [0, total_steps).

    Reference:
        GSF paper, section 4.2 (10 of 60 epochs of warm-up); the start at a tenth is the
        authors' code's.
    """

    def __init__(self, peak, total_steps, warmup_steps=0):
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

    def __call__(self, step):
        step = keras.ops.cast(step, "float32")
        warm = 0.1 + 0.9 * step / max(self.warmup_steps, 1)
        done = (step - self.warmup_steps) / (self.total_steps - self.warmup_steps)
        cosine = 0.5 * (1 + keras.ops.cos(math.pi * keras.ops.minimum(done, 1.0)))
        return self.peak * keras.ops.where(step < self.warmup_steps, warm, cosine)

    def get_config(self):
        return {
            "peak": self.peak,
            "total_steps": self.total_steps,
            "warmup_steps": self.warmup_steps,
        }
