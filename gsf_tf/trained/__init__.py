"""Trained models in all their forms: opens any of them, with its labels and its preprocessing."""

from typing import TYPE_CHECKING

from gsf_tf.lazy_imports import lazy_imports

if TYPE_CHECKING:
    from gsf_tf.model_description import ModelDescription
    from gsf_tf.trained.open_model import open_model
    from gsf_tf.trained.trained_model import TrainedModel

__all__ = ["ModelDescription", "TrainedModel", "open_model"]

__getattr__, __dir__ = lazy_imports(__name__)
