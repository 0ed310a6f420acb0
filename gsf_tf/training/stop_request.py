import os
import signal


class StopRequest:
    """Notes SIGTERM and Ctrl-C, so that a loop can end where nothing is lost.

    The first signal is only noted. A second one ends the process at once, as if nobody listened.

    Attributes:
        signal: Number of the signal that came, or None.

    Example:

    ```python
    with StopRequest() as stop:
        for batch in batches:
            step(batch)
            if stop.signal:
                break
    ```
    """

    SIGNALS = (signal.SIGTERM, signal.SIGINT)

    def __init__(self):
        self.signal = None
        self._before = {}

    def __enter__(self):
        self._before = {number: signal.signal(number, self._note) for number in self.SIGNALS}
        return self

    def __exit__(self, *_):
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @property
    def exit_status(self):
        """The status by which schedulers know a signal: 143 for SIGTERM, 130 for Ctrl-C."""
        return 128 + self.signal

    def _note(self, number, frame):
        if self.signal is not None:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        self.signal = number
