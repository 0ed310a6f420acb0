"""Evaluation: scores of a data set, metrics, figures, and predictions for single videos."""

from gsf_tf.evaluation.figures import confusion_figure, curves_figure
from gsf_tf.evaluation.metrics import classification_metrics
from gsf_tf.evaluation.predictor import Predictor

__all__ = ["Predictor", "classification_metrics", "confusion_figure", "curves_figure"]
