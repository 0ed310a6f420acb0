"""The programs: sub-commands of `gsf-tf`, and `python -m trainers.NAME` in a checkout.

A program's file holds its flags and `main`, and imports only what is quick: TensorFlow takes
seconds, and `--help` must answer at once. The functions that need gsf_tf import it when they run;
longer work is in a file of its own beside the program. Imports inside of this folder are relative,
because an installed library has it as the package `gsf_tf_trainers`.
"""

import os

# TensorFlow writes its start-up messages ("Unable to register cuFFT factory ...") to the terminal.
# Errors that matter are raised as exceptions as well. The variables are read when TensorFlow is
# first imported; a user's own values stay.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
