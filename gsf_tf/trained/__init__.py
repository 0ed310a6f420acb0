"""Trained models in all their forms: opens any of them, with its labels and its preprocessing."""

from gsf_tf.model_description import ModelDescription
from gsf_tf.trained.open_model import open_model
from gsf_tf.trained.trained_model import TrainedModel

__all__ = ["ModelDescription", "TrainedModel", "open_model"]
