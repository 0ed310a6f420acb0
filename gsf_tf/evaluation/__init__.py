"""Evaluation: scores of a dataset, metrics, pictures, and predictions for single videos.

Names are imported when they are first used: predicting needs neither scikit-learn nor matplotlib.
"""

from typing import TYPE_CHECKING

from gsf_tf.lazy_imports import lazy_imports

if TYPE_CHECKING:
    from gsf_tf.evaluation.epic_submission import save_epic_submission
    from gsf_tf.evaluation.figures import confusion_figure, curves_figure
    from gsf_tf.evaluation.fusion import fuse_scores
    from gsf_tf.evaluation.metrics import classification_metrics, task_metrics
    from gsf_tf.evaluation.prediction import Prediction
    from gsf_tf.evaluation.predictor import Predictor
    from gsf_tf.evaluation.protocol import Protocol
    from gsf_tf.evaluation.scores import Scores
    from gsf_tf.evaluation.scoring import score_videos

__all__ = [
    "Prediction",
    "Predictor",
    "Protocol",
    "Scores",
    "classification_metrics",
    "confusion_figure",
    "curves_figure",
    "fuse_scores",
    "save_epic_submission",
    "score_videos",
    "task_metrics",
]

__getattr__, __dir__ = lazy_imports(__name__)
