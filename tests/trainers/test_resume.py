"""What a run is after it was stopped: bit for bit the run that was left alone."""

import json
import os
import shutil
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest

from gsf_tf.data import DatasetInfo
from gsf_tf.errors import UserError
from gsf_tf.training.build_dataset import build_dataset
from gsf_tf.training.learner import Learner
from tests import exhaustive
from tests.data.damage_maker import edit, remove_frames
from tests.program_forks import REPOSITORY
from tests.trainers.small_run import (
    all_at_once,
    assert_same_run,
    newest_state,
    read_metrics,
    run_training,
    small_config,
    start_weights,
)


@pytest.fixture
def after_step(monkeypatch):
    """Has something done after so many steps of the next run; once."""
    take_step = Learner.take_step

    def plan(steps, action):
        def counted(self, *args):
            nonlocal steps
            take_step(self, *args)
            if "rehearsal" in args:
                return  # Steps that measure the time are before the run.
            steps -= 1
            if steps == 0:
                action()

        monkeypatch.setattr(Learner, "take_step", counted)

    return plan


def as_written_before(file):
    values = json.loads(file.read_text())
    for name in ("init_same_classes", "init_temporal_shift"):
        values.pop(name, None)
    file.write_text(json.dumps(values))


@exhaustive.MARK
def test_stopped_by_signals_it_ends_with_the_same_weights(records, tmp_path, after_step):
    """In the middle of an epoch, and after its last step (so 1 epoch + 1 epoch = 2 epochs).

    With dropout, augmentation, CutMix, accumulation, the average of the weights, AdamW, weights of
    classes, and a backbone that is frozen in the first epoch. The description is made that of an
    earlier version, which lacks values that were added since.
    """
    values = {
        **all_at_once(),
        "checkpoint.every_steps": 0,
        "optimizer.name": "adamw",
        "optimizer.learning_rate": 1e-3,
        "optimizer.head_rate": 5.0,
        "data.class_balance": "weights",
        "freeze_backbone_epochs": 1,
        "model.weights": start_weights(tmp_path),
    }
    config = small_config(records, **values)
    assert run_training(config, tmp_path / "undisturbed")[0] is None
    for steps, number, status, place in (
        (2, signal.SIGTERM, 143, "epoch-0001-step-00000002"),
        (4, signal.SIGINT, 130, "epoch-0001-step-00000006"),
    ):
        after_step(steps, lambda number=number: os.kill(os.getpid(), number))
        stopped, output = run_training(config, tmp_path / "stopped")
        assert stopped == status
        assert f"checkpoint {place} has all until here" in output
        as_written_before(tmp_path / "stopped" / "config.json")
    assert not (tmp_path / "stopped" / "model.keras").exists()
    output = run_training(config, tmp_path / "stopped")[1]
    assert "Continuing in epoch 1 after 6 of 6 steps" in output
    assert_same_run(tmp_path / "stopped", tmp_path / "undisturbed")


@pytest.mark.parametrize("accumulated", exhaustive.cases([1, 2], (1).__eq__))
def test_a_batch_that_was_left_out_does_not_shift_a_resume(
    accumulated, records, tmp_path, after_step
):
    """All clips of the second batch are damaged; SIGTERM comes after the first and the third.

    These two are two steps, or one with accumulation.
    """
    folder = tmp_path / "records"
    shutil.copytree(records, folder)
    values = {
        "data.batch_size": 4,
        "data.on_error": "skip",
        "optimizer.accumulate_steps": accumulated,
        "epochs": 1,
        "warmup_epochs": 0,
    }
    config = small_config(folder, "tsn_resnet14thin", **values)
    info = DatasetInfo.load(str(folder))
    keras.utils.set_random_seed(config.seed)
    batches = build_dataset(config, info, "train", training=True, epoch=1).take(2)
    order = [clip.decode().split(" ")[0] for *_, ids in batches for clip in ids.numpy()]
    for clip in order[4:]:
        shard, place = clip.split(":")
        edit(remove_frames)(folder / shard, int(place))
    run_training(config, tmp_path / "undisturbed")
    after_step(2 // accumulated, lambda: os.kill(os.getpid(), signal.SIGTERM))
    assert run_training(config, tmp_path / "stopped")[0] == 143
    folder.rename(tmp_path / "moved")
    config.data.records = str(tmp_path / "moved")
    run_training(config, tmp_path / "stopped")
    assert_same_run(tmp_path / "stopped", tmp_path / "undisturbed")
    (metrics,) = read_metrics(tmp_path / "stopped")
    assert metrics["input/damaged_clips"] == 4


@pytest.mark.parametrize("kills", exhaustive.cases([1, 3, 10], lambda kills: kills == 1))
def test_killed_again_and_again_it_ends_with_the_same_weights(kills, records, tmp_path):
    """SIGKILL at random moments (tests/trainers/killed_run.py)."""
    command = [sys.executable, "-m", "tests.trainers.killed_run", records, tmp_path, kills, 0]
    process = subprocess.run(
        list(map(str, command)), cwd=REPOSITORY, capture_output=True, text=True
    )
    assert process.returncode == 0, process.stdout + process.stderr
    assert process.stdout.count("killed at") == kills
    assert_same_run(tmp_path / "killed", tmp_path / "undisturbed")


def test_a_loss_that_ran_away_leaves_the_checkpoints(records, tmp_path):
    values = {"optimizer.learning_rate": 1e18, "optimizer.clip_norm": 1e30}
    config = small_config(records, "tsn_resnet14thin", **values, **{"checkpoint.every_steps": 1})
    with pytest.raises(UserError, match=r"The loss must stay finite.*clips: train-0000\d-of"):
        run_training(config, tmp_path / "run")
    tensors, state = newest_state(tmp_path / "run")
    assert state["step"] >= 1
    for name, tensor in tensors.items():
        assert np.isfinite(tensor).all(), name


@exhaustive.MARK
def test_records_that_vanish_leave_the_checkpoints(records, tmp_path, after_step):
    shutil.copytree(records, tmp_path / "records")
    shards = list((tmp_path / "records").glob("train-*"))
    assert shards
    # The shards are open until the epoch ends; the next one does not find them.
    after_step(6, lambda: [shard.unlink() for shard in shards])
    config = small_config(tmp_path / "records", "tsn_resnet14thin")
    with pytest.raises(UserError, match="train-00000-of"):
        run_training(config, tmp_path / "run")
    assert newest_state(tmp_path / "run")[1]["epoch"] == 2
    assert len(read_metrics(tmp_path / "run")) == 1
