"""Evaluation: scores of a dataset, metrics, figures, and predictions for single videos.

Names are imported when they are first used: predicting needs neither scikit-learn nor matplotlib.
"""

import importlib

_MODULES = {
    "Predictor": "predictor",
    "Protocol": "protocol",
    "Scores": "scores",
    "classification_metrics": "metrics",
    "confusion_figure": "figures",
    "curves_figure": "figures",
    "fuse_scores": "fusion",
    "score_videos": "scoring",
    "task_metrics": "metrics",
}

__all__ = list(_MODULES)


def __getattr__(name):
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__():
    return sorted(__all__)
