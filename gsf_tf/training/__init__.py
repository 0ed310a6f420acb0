"""Training: the recipe's optimizer and schedule, the step and checkpoints."""

from gsf_tf.training.coupled_sgd import CoupledSGD
from gsf_tf.training.warmup_cosine import WarmupCosine

__all__ = ["CoupledSGD", "WarmupCosine"]
