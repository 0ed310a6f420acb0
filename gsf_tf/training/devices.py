import contextlib
import dataclasses
import functools
import re
import time

import numpy as np
import tensorflow as tf
from tensorflow.python.eager import context

from gsf_tf.errors import UserError
from gsf_tf.training.cluster import Cluster

GRACE_SECONDS = 0.5
# TensorFlow's ten seconds were missed by workers that were alive, on a machine with too much to do.
SIGN_OF_LIFE_SECONDS = 30


@dataclasses.dataclass(frozen=True)
class Devices:
    """Where a run happens: the one place that chooses the strategy, and how its workers agree.

    Attributes:
        strategy: `tf.distribute.Strategy`; the global batch is divided among its replicas.
        cluster: `Cluster` of the processes that share the run, each with a dataset of its own;
            None for a single process.
    """

    strategy: tf.distribute.Strategy
    cluster: Cluster | None = None

    @classmethod
    def choose(cls, report):
        """Takes all GPUs that TensorFlow sees, or the CPU; with `TF_CONFIG`, those of all workers.

        Several workers wait here for each other, and it must be the first that a process does with
        TensorFlow.

        Args:
            report: Callable that prints a line of text.

        Raises:
            UserError: If `TF_CONFIG` cannot be understood, or the workers do not find together.
        """
        cluster = Cluster.from_environment()
        if cluster is None:
            names = [device.name for device in tf.config.list_logical_devices("GPU")]
            return cls(tf.distribute.MirroredStrategy(names or ["CPU:0"]))
        own = cluster.addresses[cluster.worker]
        report(f"Worker {cluster.worker} at {own} waits for {', '.join(cluster.addresses)}")
        try:
            _expect_signs_of_life(cluster)
            strategy = tf.distribute.MultiWorkerMirroredStrategy()
        except (tf.errors.OpError, RuntimeError) as error:
            raise UserError(
                "All workers of TF_CONFIG must start and reach each other, each on a free port of "
                f"its own. Received: {', '.join(cluster.addresses)}, of which this is {own}, and "
                f"{_reason(error)}. Start the same command on all of them."
            ) from error
        return cls(strategy, cluster)

    @property
    def num_workers(self):
        """Processes that share the run."""
        return len(self.cluster.addresses) if self.cluster else 1

    @property
    def worker(self):
        """Which of them this is, from 0."""
        return self.cluster.worker if self.cluster else 0

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

    def sum(self, values):
        """Adds numbers of all workers, each of which must call this at the same place.

        Args:
            values: Numbers, as many on every worker; whole ones up to 2**53 stay exact.

        Returns:
            float64 array, the same on all workers.
        """
        values = np.asarray(values, "float64")
        return values if self.num_workers == 1 else self._add(tf.constant(values)).numpy()

    def from_chief(self, values):
        """Returns the chief's numbers on all workers; called as `sum`."""
        values = np.asarray(values, "float64")
        return self.sum(values if self.is_chief else np.zeros_like(values))

    def wait(self):
        """Waits until all workers are here."""
        self.sum([0])

    def leave(self):
        """Waits until no other worker needs this one; the last that a process does with them."""
        self.wait()
        if self.num_workers > 1:
            # A sum is fetched from the others, who must not be gone by then. Who comes here has the
            # one above, so that nothing is lost if another is gone before this one has ended.
            with contextlib.suppress(tf.errors.OpError):
                self.wait()
            time.sleep(GRACE_SECONDS)

    @contextlib.contextmanager
    def watched(self):
        """Says which other worker has ended, inside of a `with` block that works together with it.

        TensorFlow's workers send each other a sign of life every few seconds. Where one is missing
        for half a minute, or a connection breaks, what waits for that worker ends with an error.

        Raises:
            UserError: In place of that error.
        """
        try:
            yield
        except tf.errors.OpError as error:
            if self.num_workers == 1 or "ollective" not in str(error):
                raise
            raise UserError(
                "All workers of a run must stay until it ends. "
                f"{self._lost(str(error))} has ended or cannot be reached, so this one (worker "
                f"{self.worker}, {self.cluster.addresses[self.worker]}) ends too: "
                f"{_reason(error)}. The output of the other worker says why it ended; nothing up "
                "to the last checkpoint is lost. Give the same command again on all workers to "
                "continue."
            ) from error

    def _lost(self, message):
        """Returns the name of the other workers that a message of TensorFlow names."""
        named = {
            (kind, int(index))
            for kind, index in re.findall(r"/job:(\w+)(?:/replica:0)?/task:(\d+)", message)
        }
        lost = [
            f"Worker {number} ({address})"
            for number, (task, address) in enumerate(
                zip(self.cluster.tasks, self.cluster.addresses, strict=True)
            )
            if task in named and number != self.worker
        ]
        return " or ".join(lost) or "Another worker"

    @functools.cached_property
    def _add(self):
        return tf.function(
            lambda values: self.strategy.reduce(tf.distribute.ReduceOp.SUM, values, axis=None)
        )

    def __str__(self):
        return f"{self.num_replicas} device(s)" + (
            f" of {self.num_workers} workers" if self.num_workers > 1 else ""
        )


def _expect_signs_of_life(cluster):
    """Sets how long a worker may be silent; there is no public name for it.

    The strategy takes what it finds, and else does the same with a time of TensorFlow's.
    """
    jobs = [kind for kind, _ in cluster.tasks]
    context.context().configure_coordination_service(
        service_type="standalone",
        service_leader=f"/job:{jobs[0]}/replica:0/task:0",
        coordinated_jobs=[
            context.coordination_config_pb2.CoordinatedJob(name=job, num_tasks=jobs.count(job))
            for job in dict.fromkeys(jobs)
        ],
        heartbeat_timeout_in_ms=SIGN_OF_LIFE_SECONDS * 1000,
    )


def _reason(error):
    """Returns the first sentence of an error, without the names of graph nodes."""
    text = re.sub(r"\{\{.*?\}\}", "", str(error)).strip()
    sentence = re.split(r"\.\s|\n", text)[0].rstrip(".")
    return f"{type(error).__name__}: {sentence}"
