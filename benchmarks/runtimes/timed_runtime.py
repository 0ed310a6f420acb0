import gc
import time


class TimedRuntime:
    """What the runtimes share: a function for each run that was prepared, and its timing.

    Args:
        settings: `RunSettings`.
    """

    def __init__(self, settings):
        self.settings = settings
        self._functions = {}

    def prepare(self, run):
        """Makes a `ModelRun` ready; returns the logits at inference, None in training."""
        self._functions[run] = self.make(run)
        outputs = self._functions[run]()
        return outputs if run.mode == "inference" else None

    def make(self, run):
        """Returns a function that does one inference or one step of training."""
        raise NotImplementedError

    def seconds(self, run):
        """Returns the seconds that a run takes once, its result on the CPU included."""
        return self.times(run)[0]

    def times(self, run):
        """Returns the seconds of the clock and of all processors that a run takes once."""
        busy, start = time.process_time(), time.perf_counter()
        self._functions[run]()
        return time.perf_counter() - start, time.process_time() - busy

    def release(self):
        """Forgets the prepared runs, and what memory they hold."""
        self._functions.clear()
        gc.collect()
