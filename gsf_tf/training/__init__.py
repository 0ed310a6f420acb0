"""Training: the optimizers and the schedules of the papers, and fine-tuning."""

from gsf_tf.training.attention_annealing import AttentionAnnealing
from gsf_tf.training.coupled_sgd import CoupledSGD
from gsf_tf.training.grouped_adamw import GroupedAdamW
from gsf_tf.training.initialize_from import Initialization, initialize_from
from gsf_tf.training.parameter_group import RUBIKSNET_GROUPS, ParameterGroup
from gsf_tf.training.warmup_cosine import WarmupCosine
from gsf_tf.training.warmup_steps import WarmupSteps

__all__ = [
    "RUBIKSNET_GROUPS",
    "AttentionAnnealing",
    "CoupledSGD",
    "GroupedAdamW",
    "Initialization",
    "ParameterGroup",
    "WarmupCosine",
    "WarmupSteps",
    "initialize_from",
]
