import os
import signal


class StopRequest:
    """Records SIGTERM and Ctrl-C, so that a loop can end at a point where nothing is lost.

    The first signal is recorded until the loop calls `ask`. A second one ends the process at once,
    as without this class. If several workers share a run, a signal to one of them stops all.

    Args:
        devices: `Devices` of the run.

    Attributes:
        signal: Number of the signal that `ask` has returned, the same on all workers; or None.

    Example:

    ```python
    with StopRequest(devices) as stop:
        for batch in batches:
            step(batch)
            if stop.ask():
                break
    ```
    """

    SIGNALS = (signal.SIGTERM, signal.SIGINT)

    def __init__(self, devices):
        self.signal = None
        self._devices = devices
        self._noted = None
        self._before = {}

    def __enter__(self):
        self._before = {number: signal.signal(number, self._note) for number in self.SIGNALS}
        return self

    def __exit__(self, *_):
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def ask(self):
        """Returns the signal that any worker received, or None; all workers must call it."""
        came = self._devices.sum([self._noted == number for number in self.SIGNALS])
        self.signal = next((n for n, count in zip(self.SIGNALS, came, strict=True) if count), None)
        return self.signal

    @property
    def exit_status(self):
        """Exit status by which schedulers recognize a signal: 143 for SIGTERM, 130 for Ctrl-C."""
        return 128 + self.signal

    def _note(self, number, frame):
        if self._noted is not None:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        self._noted = number
