import dataclasses

import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class Devices:
    """Where a run happens: the one place that chooses the strategy.

    Attributes:
        strategy: `tf.distribute.Strategy`; the global batch is divided among its replicas.
        num_workers: Processes that share the run, each with a data set of its own.
        worker: Which of them this is, from 0.
    """

    strategy: tf.distribute.Strategy
    num_workers: int = 1
    worker: int = 0

    @classmethod
    def choose(cls):
        """Takes all GPUs that TensorFlow sees, or the CPU."""
        names = [device.name for device in tf.config.list_logical_devices("GPU")]
        return cls(tf.distribute.MirroredStrategy(names or ["CPU:0"]))

    @property
    def num_replicas(self):
        """Devices of all workers together."""
        return self.strategy.num_replicas_in_sync

    @property
    def first_replica(self):
        """Number of this worker's first device among those of all workers."""
        return self.worker * (self.num_replicas // self.num_workers)

    @property
    def is_chief(self):
        """Whether this process writes what the run leaves behind."""
        return self.worker == 0

    def __str__(self):
        return f"{self.num_replicas} device(s)" + (
            f" of {self.num_workers} workers" if self.num_workers > 1 else ""
        )
