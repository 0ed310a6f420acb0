"""Trains one run undisturbed and one that is killed again and again; started by test_resume.py.

  python -m tests.trainers.killed_run RECORDS FOLDER KILLS SEED

Every life of a run is a fork of this process, which has imported TensorFlow and not used it, for
importing takes longer than the run. SIGKILL comes at a random time after a life has first changed
the folder of checkpoints, so that it hits steps, validation and checkpoints being written.
"""

import os
import pathlib
import random
import signal
import sys
import time

from tests.trainers.small_run import run_training, small_config

VALUES = {
    "eval_every_epochs": 2,
    "model.dropout": 0.5,
    "augmentation.erasing": 0.3,
    "ema_decay": 0.9,
    "checkpoint.every_steps": 1,
}


def start(records, epochs, workdir):
    """Forks, and trains in the child."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        run_training(small_config(records, epochs=epochs, **VALUES), workdir)
        status = 0
    finally:
        os._exit(status)


def wait_for_change(child, folder):
    """Waits until something changes in a folder; False if the child has ended before."""
    before = listing(folder)
    while listing(folder) == before:
        if os.waitpid(child, os.WNOHANG)[0]:
            return False
        time.sleep(0.01)
    return True


def listing(folder):
    return sorted(os.listdir(folder)) if folder.exists() else []


def main(records, folder, kills, seed):
    rng, folder = random.Random(seed), pathlib.Path(folder)
    epochs = 2 + kills // 3  # A life takes a step or two, and an epoch has six.
    undisturbed = start(records, epochs, folder / "undisturbed")
    assert os.waitpid(undisturbed, 0)[1] == 0
    for life in range(kills):
        child = start(records, epochs, folder / "killed")
        assert wait_for_change(child, folder / "killed" / "checkpoints"), f"ended in life {life}"
        time.sleep(rng.uniform(0, 0.2))
        os.kill(child, signal.SIGKILL)
        assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
        print("killed at", listing(folder / "killed" / "checkpoints"), flush=True)
    assert os.waitpid(start(records, epochs, folder / "killed"), 0)[1] == 0


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
