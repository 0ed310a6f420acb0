"""The programs: prepare, train, evaluate, export, predict and the demo, each with `--help`."""

import os

# TensorFlow's start-up chatter ("Unable to register cuFFT factory ...") goes up to the level
# of errors; real ones are raised. It is read when TensorFlow is first imported.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
