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
# TensorFlow's default is 10 seconds, which living workers exceeded on an overloaded machine.
SIGN_OF_LIFE_SECONDS = 30


@dataclasses.dataclass(frozen=True)
class Devices:
    """The devices and processes of a run: the choice of the strategy, and sums over the workers.

    Attributes:
        strategy: `tf.distribute.Strategy`. The global batch is divided among its replicas.
        cluster: `Cluster` of the processes that share the run, each with its own dataset; None for
            a single process.
    """

    strategy: tf.distribute.Strategy
    cluster: Cluster | None = None

    @classmethod
    def choose(cls, report):
        """Chooses all GPUs of TensorFlow, or the CPU; with `TF_CONFIG`, those of all workers.

        Several workers wait for each other here. The call must be the first use of TensorFlow in
        the process.

        Args:
            report: Callable that prints a line of text.

        Raises:
            UserError: If `TF_CONFIG` is not valid, or the workers do not reach each other.
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
        """Number of processes that share the run."""
        return len(self.cluster.addresses) if self.cluster else 1

    @property
    def worker(self):
        """Index of this process, from 0."""
        return self.cluster.worker if self.cluster else 0

    @property
    def num_replicas(self):
        """Number of the devices of all workers together."""
        return self.strategy.num_replicas_in_sync

    @property
    def first_replica(self):
        """Index of this worker's first device among those of all workers, from 0."""
        return self.worker * (self.num_replicas // self.num_workers)

    @property
    def is_chief(self):
        """Whether this process writes the files of the run."""
        return self.worker == 0

    def sum(self, values):
        """Adds the numbers of all workers, which must call this method together.

        Args:
            values: Numbers, the same count on every worker. Sums of integers up to 2**53 are exact.

        Returns:
            float64 array, the same on all workers.
        """
        values = np.asarray(values, "float64")
        return values if self.num_workers == 1 else self._add(tf.constant(values)).numpy()

    def from_chief(self, values):
        """Returns the numbers of the chief on all workers, which must call this method together."""
        values = np.asarray(values, "float64")
        return self.sum(values if self.is_chief else np.zeros_like(values))

    def wait(self):
        """Waits until all workers have called this method."""
        self.sum([0])

    def leave(self):
        """Waits until no other worker needs this one; the last call before a process ends."""
        self.wait()
        if self.num_workers > 1:
            # Every worker reads the result of a sum from the others, which must still be running
            # then. So all wait a second time: those who fail here have the first result already.
            with contextlib.suppress(tf.errors.OpError):
                self.wait()
            time.sleep(GRACE_SECONDS)

    @contextlib.contextmanager
    def watched(self):
        """Names the worker that has ended if a `with` block fails because of another worker.

        TensorFlow's workers send each other a heartbeat every few seconds. If one is missing for
        half a minute, or a connection breaks, operations that wait for that worker fail.

        Raises:
            UserError: If such an operation fails in the block, in place of its error.
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
        """Returns the names of the other workers in an error message of TensorFlow."""
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
    """Sets the time after which a silent worker counts as lost; there is no public name for it.

    The strategy uses a coordination service that is configured already; otherwise it configures one
    with TensorFlow's own time.
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
