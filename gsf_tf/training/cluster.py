import dataclasses
import json
import os

from gsf_tf.errors import UserError

VARIABLE = "TF_CONFIG"


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The processes that share a run, as the environment variable `TF_CONFIG` lists them.

    Attributes:
        addresses: `host:port` of every worker, the chief first.
        tasks: TensorFlow's name of every worker, such as `("worker", 0)`.
        worker: Index of this process, from 0.

    Reference:
        TensorFlow, "Multi-worker training with Keras", section "TF_CONFIG".
    """

    addresses: tuple[str, ...]
    tasks: tuple[tuple[str, int], ...]
    worker: int

    @classmethod
    def from_environment(cls):
        """Returns the cluster, or None without `TF_CONFIG` and with a single worker.

        Raises:
            UserError: If the variable does not list the workers, and this process among them.
        """
        text = os.environ.get(VARIABLE)
        if not text:
            return None
        try:
            config = json.loads(text)
            jobs = config.get("cluster", {})
            if not jobs:
                return None
            kind, index = config["task"]["type"], int(config["task"]["index"])
            found = {(job, n): str(a) for job in sorted(jobs) for n, a in enumerate(jobs[job])}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise _unclear(text, f" ({type(error).__name__}: {error})") from error
        addresses, tasks = tuple(found.values()), tuple(found)
        if not jobs.keys() <= {"chief", "worker"} or len(jobs.get("chief", [])) > 1:
            raise _unclear(text, ", which has other kinds or several chiefs")
        if (kind, index) not in found:
            raise _unclear(text, f", which has no {kind} {index}")
        if len(set(addresses)) < len(addresses):
            raise _unclear(text, ", where two have the same address")
        if len(addresses) == 1:
            return None
        return cls(addresses, tasks, tasks.index((kind, index)))


def _unclear(text, reason=""):
    return UserError(
        f"{VARIABLE} must list the addresses of all workers and say which of them this process is, "
        'as {"cluster": {"worker": ["host0:2222", "host1:2222"]}, "task": {"type": "worker", '
        f'"index": 0}}}}; one of them may be a "chief", and other kinds are not used here. '
        f"Received: {text}{reason}. Unset it to train in one process."
    )
