"""Evaluation: scores of a dataset, metrics, pictures, and predictions for single videos.

Names are imported when they are first used: predicting needs neither scikit-learn nor matplotlib.
"""

from typing import TYPE_CHECKING

from gsf_tf.lazy_imports import lazy_imports

if TYPE_CHECKING:
    from gsf_tf.evaluation.class_figures import (
        class_accuracy_figure,
        class_gains_figure,
        confused_pairs_figure,
    )
    from gsf_tf.evaluation.class_groups import read_class_groups
    from gsf_tf.evaluation.clip_lengths import LengthBin, accuracy_by_length, length_figure
    from gsf_tf.evaluation.confusions import ConfusedPair, confused_pairs
    from gsf_tf.evaluation.epic_submission import save_epic_submission
    from gsf_tf.evaluation.features import Features, extract_features
    from gsf_tf.evaluation.figures import confusion_figure, curves_figure, metrics_figure
    from gsf_tf.evaluation.frame_orders import frame_order_figure, score_frame_orders
    from gsf_tf.evaluation.fusion import fuse_scores
    from gsf_tf.evaluation.gains import Gain, class_gains
    from gsf_tf.evaluation.metrics import classification_metrics, task_metrics
    from gsf_tf.evaluation.mistakes import Mistake, confident_mistakes
    from gsf_tf.evaluation.prediction import Prediction
    from gsf_tf.evaluation.predictor import Predictor
    from gsf_tf.evaluation.protocol import Protocol
    from gsf_tf.evaluation.scores import Scores
    from gsf_tf.evaluation.scoring import score_videos
    from gsf_tf.evaluation.trade_off import TradeOffPoint, trade_off_figure

__all__ = [
    "ConfusedPair",
    "Features",
    "Gain",
    "LengthBin",
    "Mistake",
    "Prediction",
    "Predictor",
    "Protocol",
    "Scores",
    "TradeOffPoint",
    "accuracy_by_length",
    "class_accuracy_figure",
    "class_gains",
    "class_gains_figure",
    "classification_metrics",
    "confident_mistakes",
    "confused_pairs",
    "confused_pairs_figure",
    "confusion_figure",
    "curves_figure",
    "extract_features",
    "frame_order_figure",
    "fuse_scores",
    "length_figure",
    "metrics_figure",
    "read_class_groups",
    "save_epic_submission",
    "score_frame_orders",
    "score_videos",
    "task_metrics",
    "trade_off_figure",
]

__getattr__, __dir__ = lazy_imports(__name__)
