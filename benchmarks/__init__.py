"""Programs that hold the library against the papers, each with `--help`."""

import os

# TensorFlow's start-up chatter goes up to the level of errors; real ones are raised.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
