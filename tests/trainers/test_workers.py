"""Two workers in two processes on loopback (worker_lives.py): the run of one process, and its end.

One process imports TensorFlow and forks all lives of both workers, for that is what takes the time.
"""

import json
import signal
import subprocess
import sys
import types

import numpy as np
import pytest
import tensorflow as tf

from gsf_tf.errors import UserError
from gsf_tf.training import shared_workdir
from gsf_tf.training.check_config import check_config
from gsf_tf.training.cluster import Cluster
from gsf_tf.training.devices import Devices
from tests import exhaustive
from tests.program_forks import REPOSITORY
from tests.trainers.small_run import (
    assert_same_run,
    read_metrics,
    run_training,
    small_config,
)
from tests.trainers.test_replicas import evaluate, mirrored, train
from tests.trainers.worker_lives import VALUES

MINUTE = 60.0


def live(part, records, folder):
    command = [sys.executable, "-m", "tests.trainers.worker_lives", str(records), str(folder), part]
    process = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=3000)
    assert process.returncode == 0, process.stdout + process.stderr
    return folder


@pytest.fixture(scope="module")
def lives(records, tmp_path_factory):
    """Runs that end in every way. Each takes the time of two trainings."""
    return live("train", records, tmp_path_factory.mktemp("lives"))


def ends(lives, name):
    return json.loads((lives / f"{name}.json").read_text())


@pytest.fixture(scope="module")
def compared(records, tmp_path_factory):
    return computed("compare", records, tmp_path_factory)


def computed(part, records, tmp_path_factory):
    folder = live(part, records, tmp_path_factory.mktemp(part))
    assert ends(folder, part)["status"] == [0, 0]
    return [dict(np.load(folder / f"{part}-{worker}.npz")) for worker in range(2)]


def test_two_workers_are_one(compared):
    """Losses, weights and averages of ten steps with the same global batch."""
    losses, weights, averages = train(1)
    for result in compared:
        np.testing.assert_allclose(result["losses"], losses, rtol=1e-5)
        for number, ours in enumerate(weights + averages):
            theirs = result[f"arr_{number}"]
            np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4)
    for name in compared[0].keys() - {"mask"}:
        np.testing.assert_array_equal(compared[0][name], compared[1][name], err_msg=name)


@exhaustive.MARK
def test_workers_accumulate(records, tmp_path_factory):
    one, _ = computed("accumulate", records, tmp_path_factory)
    np.testing.assert_allclose(one["losses"], train(1, steps=3, parts=3)[0], rtol=1e-5)


def test_every_clip_is_evaluated_once_over_workers(compared):
    """Thirteen clips on two workers, of which one has seven and the other six."""
    means = evaluate(Devices(mirrored(1)))
    expected = [means[name] for name in sorted(means)]
    np.testing.assert_allclose(compared[0]["means"], expected, rtol=1e-5)


def test_workers_draw_masks_of_their_own(compared):
    masks = [result["mask"] for result in compared]
    assert all(0.4 < mask.mean() < 0.6 for mask in masks)
    assert (masks[0] != masks[1]).mean() > 0.4


@exhaustive.MARK
def test_sigterm_to_one_worker_stops_both_at_the_same_step(lives):
    assert ends(lives, "terminated")["status"] == [143, 143]
    for worker in range(2):
        text = (lives / f"terminated-{worker}.txt").read_text()
        assert "checkpoint epoch-0001-step-00000003 has all until here" in text
    assert "after 3 of 6 steps" in (lives / "worker_killed-0.txt").read_text()


@exhaustive.MARK
@pytest.mark.parametrize(("name", "victim"), [("worker_killed", 1), ("chief_killed", 0)])
def test_a_worker_whose_peer_is_killed_ends_with_an_error(lives, name, victim):
    result, survivor = ends(lives, name), 1 - victim
    assert result["status"][victim] == -signal.SIGKILL
    assert result["status"][survivor] == 1
    assert result["apart"] < MINUTE
    text = (lives / f"{name}-{survivor}.txt").read_text()
    assert f"Worker {victim} (127.0.0.1:" in text
    assert "has ended or cannot be reached" in text


@exhaustive.MARK
def test_the_run_ends_as_one_that_one_process_trained(lives, records, tmp_path):
    assert ends(lives, "ended")["status"] == [0, 0]
    # The chief was killed after the first step of the second epoch.
    assert "in epoch 2 after 0 of 6 steps" in (lives / "ended-1.txt").read_text()
    config = small_config(records, "tsn_resnet14thin", **VALUES)
    run_training(config, tmp_path / "run")
    ours, theirs = read_metrics(lives / "run"), read_metrics(tmp_path / "run")
    assert len(ours) == len(theirs) == 2
    for line, other in zip(ours, theirs, strict=True):
        for name in ("train/loss", "train/top1", "val/loss", "val/top1", "lr/base"):
            assert line[name] == pytest.approx(other[name], rel=1e-5), name
    names = {path.name for path in (lives / "run").iterdir()}
    assert names == {path.name for path in (tmp_path / "run").iterdir()}
    run = json.loads((lives / "run" / "run.json").read_text())
    assert len(run["continued"]) == 3
    # One process can go on where two workers stopped.
    assert "Continuing in epoch 3 after 0 of" in run_training(config, lives / "run")[1]


@exhaustive.MARK
def test_the_run_ends_with_the_weights_of_one_that_was_left_alone(lives):
    """Bit for bit, after SIGTERM to one worker and SIGKILL to either."""
    assert ends(lives, "undisturbed")["status"] == [0, 0]
    assert_same_run(lives / "run", lives / "undisturbed")


CLUSTER = {"chief": ["a:1"], "worker": ["b:1", "c:1"]}


def tf_config(cluster, kind, index):
    return json.dumps({"cluster": cluster, "task": {"type": kind, "index": index}})


def test_the_chief_is_the_first_worker(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", tf_config(CLUSTER, "worker", 1))
    cluster = Cluster.from_environment()
    assert cluster.addresses == ("a:1", "b:1", "c:1") and cluster.worker == 2
    monkeypatch.setenv("TF_CONFIG", tf_config({"worker": ["a:1"]}, "worker", 0))
    assert Cluster.from_environment() is None
    monkeypatch.delenv("TF_CONFIG")
    assert Cluster.from_environment() is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "JSONDecodeError"),
        (json.dumps({"cluster": CLUSTER}), "KeyError: 'task'"),
        (tf_config(CLUSTER, "worker", 2), "no worker 2"),
        (tf_config({**CLUSTER, "ps": ["d:1"]}, "ps", 0), "other kinds"),
        (tf_config({"worker": ["a:1", "a:1"]}, "worker", 0), "the same address"),
    ],
)
def test_a_cluster_that_is_not_clear(monkeypatch, text, message):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(UserError, match=message):
        Devices.choose(pytest.fail)


def cluster(worker):
    return Cluster(("a:1", "b:1"), (("worker", 0), ("worker", 1)), worker)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"data.on_error": "skip"}, "equally large"),
        ({"data.val_split": "one"}, "a clip to validate"),
    ],
)
def test_configurations_that_workers_cannot_share(values, message):
    devices = Devices(tf.distribute.get_strategy(), cluster(0))
    info = types.SimpleNamespace(num_clips={"train": 48, "val": 12, "one": 1}.get)
    with pytest.raises(UserError, match=message):
        check_config(small_config("records", **values), info, devices)


def test_a_workdir_that_is_not_shared(monkeypatch, tmp_path):
    """What the chief has written does not come to be seen."""
    monkeypatch.setattr(shared_workdir, "SECONDS", 0.3)
    monkeypatch.setattr(Devices, "from_chief", lambda self, values: np.array([7.0]))
    devices = Devices(tf.distribute.get_strategy(), cluster(1))
    workdir = types.SimpleNamespace(run_file=tmp_path / "run.json")
    with pytest.raises(UserError, match="must be one folder that all workers see.*Worker 1"):
        shared_workdir.start_workdir(workdir, devices, None, None, [])
