"""Analysis of models: their shifts, their features, and parameters and MACs as the papers count.

The functions that draw are imported when they are first used: counting does not need matplotlib.
"""

from typing import TYPE_CHECKING

from gsf_tf.analysis.count_macs import count_macs
from gsf_tf.analysis.count_parameters import count_parameters
from gsf_tf.analysis.feature_agreement import FeatureAgreement, feature_agreement
from gsf_tf.analysis.macs_by_convention import macs_by_convention
from gsf_tf.analysis.shift_statistics import ShiftStatistics, shift_statistics
from gsf_tf.lazy_imports import lazy_imports

if TYPE_CHECKING:
    from gsf_tf.analysis.shift_figures import attention_figure, shift_histogram_figure

__all__ = [
    "FeatureAgreement",
    "ShiftStatistics",
    "attention_figure",
    "count_macs",
    "count_parameters",
    "feature_agreement",
    "macs_by_convention",
    "shift_histogram_figure",
    "shift_statistics",
]

__getattr__, __dir__ = lazy_imports(__name__)
