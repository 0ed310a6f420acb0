"""Processes that only decode or encode videos.

Such a process imports gsf_tf without its layers and models, so it does not load TensorFlow: it
starts in 0.15 s instead of 3 s and takes 56 MB of memory instead of 550 MB.
"""

import multiprocessing.context
import os
import threading

_MARK = "GSF_TF_DECODING_PROCESS"  # Read by gsf_tf/__init__.py.
_marking = threading.Lock()  # Beam starts processes from several threads.


class DecodingProcess(multiprocessing.context.SpawnProcess):
    """A spawned process that finds a mark of its purpose in its environment."""

    def start(self):
        with _marking:
            os.environ[_MARK] = "1"
            try:
                super().start()
            finally:
                del os.environ[_MARK]


class DecodingContext(multiprocessing.context.SpawnContext):
    """The `mp_context` of a `ProcessPoolExecutor` of such processes."""

    Process = DecodingProcess
