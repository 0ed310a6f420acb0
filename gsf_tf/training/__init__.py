"""Training: the recipe's optimizer and schedule, the step, checkpoints and the workdir."""

from gsf_tf.training.coupled_sgd import CoupledSGD
from gsf_tf.training.warmup_cosine import WarmupCosine
from gsf_tf.training.workdir import Workdir

__all__ = ["CoupledSGD", "WarmupCosine", "Workdir"]
