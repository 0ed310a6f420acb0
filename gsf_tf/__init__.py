"""Efficient video action recognition for Keras 3 and TensorFlow.

The layers, backbones and training recipes of two papers, Gate-Shift-Fuse (GSF, with its predecessor
GSM) and RubiksNet: temporal layers that make a video model of a 2D image backbone.
"""

import os
import sys
from typing import TYPE_CHECKING

from gsf_tf.lazy_imports import lazy_imports

if TYPE_CHECKING:
    from gsf_tf import analysis as analysis
    from gsf_tf import backbones as backbones
    from gsf_tf import data as data
    from gsf_tf import errors as errors
    from gsf_tf import evaluation as evaluation
    from gsf_tf import export as export
    from gsf_tf import layers as layers
    from gsf_tf import models as models
    from gsf_tf import ops as ops
    from gsf_tf import streaming as streaming
    from gsf_tf import tasks as tasks
    from gsf_tf import trained as trained
    from gsf_tf import training as training
    from gsf_tf import weights as weights
    from gsf_tf.evaluation.predictor import Predictor as Predictor

__version__ = "0.2.0"

__all__ = [
    "Predictor",
    "analysis",
    "backbones",
    "data",
    "errors",
    "evaluation",
    "export",
    "layers",
    "models",
    "ops",
    "streaming",
    "tasks",
    "trained",
    "training",
    "weights",
]

__getattr__, __dir__ = lazy_imports(__name__)

# Layers and models register themselves with Keras, so that a saved model loads once gsf_tf is
# imported. Two kinds of processes must start without TensorFlow: `python -m gsf_tf.doctor`, which
# reports what is missing where this import fails; and processes that only decode videos
# (`gsf_tf.data.video.decoding_process`).
_is_doctor = sys.argv[0] == "-m" and "gsf_tf.doctor" in sys.orig_argv
if not _is_doctor and "GSF_TF_DECODING_PROCESS" not in os.environ:
    from gsf_tf.keras_settings import check_keras_settings

    check_keras_settings()

    from gsf_tf import layers, models, ops  # noqa: F401
