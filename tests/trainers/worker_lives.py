"""The lives of two workers that share a run over loopback; started by test_workers.py.

  python -m tests.trainers.worker_lives RECORDS FOLDER {compare,accumulate,train}

Every life of a worker is a fork of this process, which has imported TensorFlow and not used it.
FOLDER/<life>.json has the exit statuses and the seconds between the ends of the two,
<life>-<worker>.txt what a worker printed, <life>-<worker>.npz what it computed.
"""

import io
import json
import os
import pathlib
import signal
import socket
import sys
import time

import numpy as np
import rich.console

from gsf_tf.errors import UserError
from gsf_tf.training.devices import Devices
from gsf_tf.training.learner import Learner
from gsf_tf.training.random_states import random_states, separate_replicas
from gsf_tf.workdir import Workdir
from tests.trainers.small_run import small_config
from tests.trainers.test_replicas import build, dropped, evaluate, train_on
from trainers.train_loop import train

# Nothing that depends on the replica: dropout, and statistics of its share of the batch (the steps
# of test_replicas.py have synchronized ones).
VALUES = {"model.dropout": 0.0, "batch_norm.frozen": "all", "checkpoint.every_steps": 2}
# A life that hangs is ended, and so fails the test.
SECONDS = 600


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def live(name, folder, action):
    """Lets both workers do something and returns how each ended, as `os.waitpid` says it."""
    addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
    children = {}
    for worker in range(2):
        child = os.fork()
        if not child:
            signal.alarm(SECONDS)
            task = {"type": "worker", "index": worker}
            os.environ["TF_CONFIG"] = json.dumps({"cluster": {"worker": addresses}, "task": task})
            status = 99
            try:
                status = action(worker, folder / f"{name}-{worker}") or 0
            finally:
                sys.stderr.flush()
                os._exit(status)
        children[child] = worker
    ends, times = [None, None], [None, None]
    while children:
        child, status = os.wait()
        worker = children.pop(child)
        ends[worker] = os.waitstatus_to_exitcode(status)
        times[worker] = time.monotonic()
    result = {"status": ends, "apart": abs(times[0] - times[1])}
    (folder / f"{name}.json").write_text(json.dumps(result))


def compare(worker, path):
    """The steps of test_replicas.py on this worker's share of the clips."""
    devices = Devices.choose(lambda line: None)
    losses, weights, averages = train_on(devices)
    means = evaluate(devices)
    model, _ = build(devices.strategy, dropout=0.5)
    separate_replicas(random_states(model), devices.first_replica)
    (mask,) = dropped(devices.strategy, model.get_layer("dropout"))
    np.savez(
        f"{path}.npz",
        *weights,
        *averages,
        losses=losses,
        means=[means[name] for name in sorted(means)],
        mask=mask,
    )
    devices.leave()


def accumulate(worker, path):
    devices = Devices.choose(lambda line: None)
    np.savez(f"{path}.npz", losses=train_on(devices, steps=3, parts=3)[0])
    devices.leave()


def trained(records, workdir, victim=None, steps=0, number=None):
    """Makes a life that trains; one worker sends itself a signal after some steps."""

    def action(worker, path):
        take_step = Learner.take_step
        left = steps

        def counted(self, *args):
            nonlocal left
            take_step(self, *args)
            left -= 1
            if worker == victim and left == 0:
                os.kill(os.getpid(), number)

        Learner.take_step = counted
        output = io.StringIO()
        console = rich.console.Console(file=output, width=400)
        try:
            config = small_config(records, "tsn_resnet14thin", **VALUES)
            return train(config, Workdir(workdir), console)
        except UserError as error:
            # As `trainers.cli` does.
            output.write(f"Error: {error}")
            return 1
        finally:
            path.with_suffix(".txt").write_text(output.getvalue())

    return action


def main(records, folder, part):
    folder = pathlib.Path(folder)
    if part != "train":
        live(part, folder, {"compare": compare, "accumulate": accumulate}[part])
        return
    run = folder / "run"
    live("terminated", folder, trained(records, run, 1, 3, signal.SIGTERM))
    live("worker_killed", folder, trained(records, run, 1, 2, signal.SIGKILL))
    live("chief_killed", folder, trained(records, run, 0, 3, signal.SIGKILL))
    live("ended", folder, trained(records, run))
    live("undisturbed", folder, trained(records, folder / "undisturbed"))


if __name__ == "__main__":
    main(*sys.argv[1:])
