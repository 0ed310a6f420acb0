"""Analysis of models: parameters and multiply-accumulates as the papers count them, and shifts.

The figures are imported when they are first used: counting does not need matplotlib.
"""

import importlib

from gsf_tf.analysis.count_macs import count_macs
from gsf_tf.analysis.count_parameters import count_parameters
from gsf_tf.analysis.macs_by_convention import macs_by_convention
from gsf_tf.analysis.shift_statistics import ShiftStatistics, shift_statistics

_FIGURES = ("attention_figure", "shift_histogram_figure")

__all__ = [
    "ShiftStatistics",
    "attention_figure",
    "count_macs",
    "count_parameters",
    "macs_by_convention",
    "shift_histogram_figure",
    "shift_statistics",
]


def __getattr__(name):
    if name not in _FIGURES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.shift_figures"), name)


def __dir__():
    return sorted(__all__)
