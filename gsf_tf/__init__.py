"""Video action recognition for Keras 3 and TensorFlow: Gate-Shift-Fuse and RubiksNet."""

import importlib
import sys

__version__ = "0.1.0"

_SUBPACKAGES = (
    "backbones",
    "data",
    "evaluation",
    "export",
    "layers",
    "models",
    "ops",
    "training",
)

# Layers and models register themselves with Keras, so that a saved model loads once gsf_tf is
# imported. `python -m gsf_tf.doctor` has to run, and say what is missing, where this import fails.
if not (sys.argv[0] == "-m" and "gsf_tf.doctor" in sys.orig_argv):
    from gsf_tf import layers, models, ops  # noqa: F401


def __getattr__(name):
    if name in _SUBPACKAGES:
        return importlib.import_module(f"gsf_tf.{name}")
    raise AttributeError(f"module 'gsf_tf' has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *_SUBPACKAGES})
