"""Efficient video action recognition for Keras 3 and TensorFlow: Gate-Shift-Fuse."""

import importlib
import os
import sys

__version__ = "0.2.0"

_SUBPACKAGES = (
    "analysis",
    "backbones",
    "data",
    "evaluation",
    "export",
    "layers",
    "models",
    "ops",
    "training",
    "weights",
)

# Layers and models register themselves with Keras, so that a saved model loads once gsf_tf is
# imported. `python -m gsf_tf.doctor` has to run, and say what is missing, where this import fails;
# and processes that only decode videos (`gsf_tf.data.video.decoding_process`) start without
# TensorFlow.
_is_doctor = sys.argv[0] == "-m" and "gsf_tf.doctor" in sys.orig_argv
if not _is_doctor and "GSF_TF_DECODING_PROCESS" not in os.environ:
    from gsf_tf import layers, models, ops  # noqa: F401


def __getattr__(name):
    if name in _SUBPACKAGES:
        return importlib.import_module(f"gsf_tf.{name}")
    raise AttributeError(f"module 'gsf_tf' has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *_SUBPACKAGES})
