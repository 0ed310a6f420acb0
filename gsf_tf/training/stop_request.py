import os
import signal


class StopRequest:
    """Notes SIGTERM and Ctrl-C, so that a loop can end where nothing is lost.

    The first signal is only noted, until the loop asks. A second one ends the process at once, as
    if nobody listened. Where several workers share a run, a signal to one of them stops all.

    Args:
        devices: `Devices` of the run.

    Attributes:
        signal: Number of the signal that the loop has been told of, the same on all workers; or
            None.

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
        """Returns the signal that came to any worker, or None; to be called on all workers."""
        came = self._devices.sum([self._noted == number for number in self.SIGNALS])
        self.signal = next((n for n, count in zip(self.SIGNALS, came, strict=True) if count), None)
        return self.signal

    @property
    def exit_status(self):
        """The status by which schedulers know a signal: 143 for SIGTERM, 130 for Ctrl-C."""
        return 128 + self.signal

    def _note(self, number, frame):
        if self._noted is not None:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        self._noted = number
