import tensorflow as tf

from gsf_tf.errors import UserError


class MetricsLog:
    """Writes the metrics of each epoch to `metrics.jsonl` and for TensorBoard.

    Args:
        workdir: `Workdir` of the run.
    """

    def __init__(self, workdir):
        self._workdir = workdir
        self._events = None

    def append(self, metrics):
        """Adds the metrics of an epoch; they replace those of a former run of the same epoch.

        Args:
            metrics: Dictionary with `epoch`, `step` and metrics by name.

        Raises:
            UserError: If they cannot be written.
        """
        self._workdir.append_metrics(metrics)
        try:
            if self._events is None:
                self._events = tf.summary.create_file_writer(str(self._workdir.events))
            with self._events.as_default(step=metrics["epoch"]):
                for name in metrics.keys() - {"epoch", "step"}:
                    tf.summary.scalar(name, metrics[name])
            self._events.flush()
        except tf.errors.OpError as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise UserError(
                f"The events for TensorBoard must be writable. {self._workdir.events} is not: "
                f"{reason} Make room, and give the same command again to continue."
            ) from error
