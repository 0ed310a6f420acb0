"""Analysis of models: parameters and multiply-accumulates, as the papers count them."""

from gsf_tf.analysis.count_macs import count_macs
from gsf_tf.analysis.count_parameters import count_parameters
from gsf_tf.analysis.macs_by_convention import macs_by_convention

__all__ = ["count_macs", "count_parameters", "macs_by_convention"]
