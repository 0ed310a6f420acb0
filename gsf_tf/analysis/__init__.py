"""Analysis of models: gates, shifts, saliency, features, and parameters and MACs of the papers.

The functions that draw are imported when they are first used: counting does not need matplotlib.
"""

from typing import TYPE_CHECKING

from gsf_tf.analysis.class_activation import class_activation, grad_cam
from gsf_tf.analysis.count_macs import count_macs
from gsf_tf.analysis.count_parameters import count_parameters
from gsf_tf.analysis.feature_agreement import FeatureAgreement, feature_agreement
from gsf_tf.analysis.gate_model import fusion_model, gate_model
from gsf_tf.analysis.gate_statistics import GateStatistics, gate_statistics
from gsf_tf.analysis.macs_by_convention import macs_by_convention
from gsf_tf.analysis.shift_statistics import ShiftStatistics, shift_statistics
from gsf_tf.lazy_imports import lazy_imports

if TYPE_CHECKING:
    from gsf_tf.analysis.animation import write_animation
    from gsf_tf.analysis.embedding import embed_features, embedding_figure, silhouette
    from gsf_tf.analysis.gate_figures import fusion_figure, gate_figure
    from gsf_tf.analysis.saliency_figures import overlay, strip_figure
    from gsf_tf.analysis.shift_figures import (
        attention_figure,
        shift_animation,
        shift_histogram_figure,
    )

__all__ = [
    "FeatureAgreement",
    "GateStatistics",
    "ShiftStatistics",
    "attention_figure",
    "class_activation",
    "count_macs",
    "count_parameters",
    "embed_features",
    "embedding_figure",
    "feature_agreement",
    "fusion_figure",
    "fusion_model",
    "gate_figure",
    "gate_model",
    "gate_statistics",
    "grad_cam",
    "macs_by_convention",
    "overlay",
    "shift_animation",
    "shift_histogram_figure",
    "shift_statistics",
    "silhouette",
    "strip_figure",
    "write_animation",
]

__getattr__, __dir__ = lazy_imports(__name__)
