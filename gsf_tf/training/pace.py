import time


class Pace:
    """The speed of an epoch, and the share of its time that it waits for its input.

    Args:
        feed: `BatchFeed` of the epoch.
    """

    def __init__(self, feed):
        self._feed = feed
        self._start = time.monotonic()
        self._clips = 0

    def add(self, clips):
        """Counts the clips of a step."""
        self._clips += clips

    def metrics(self):
        """Returns `clips_per_second` and `input/wait_fraction` (0..1) since the beginning."""
        seconds = max(time.monotonic() - self._start, 1e-9)
        return {
            "clips_per_second": self._clips / seconds,
            "input/wait_fraction": min(self._feed.wait_seconds / seconds, 1.0),
        }

    def text(self, loss):
        """Returns the metrics as a text for a progress bar."""
        metrics = self.metrics()
        shown = "" if loss is None else f"loss {loss:.3f}, "
        return (
            f"{shown}{metrics['clips_per_second']:.1f} clips/s, "
            f"{metrics['input/wait_fraction']:.0%} waiting for input"
        )
