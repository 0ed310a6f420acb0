import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from tests.trainers.conftest import REPOSITORY, run, train_flags


def read_metrics(workdir):
    return [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]


def test_a_workdir_holds_all_of_a_run(trained):
    metrics = read_metrics(trained)
    assert [line["epoch"] for line in metrics] == [1, 2]
    assert [line["step"] for line in metrics] == [6, 12]
    for name in ("train/loss", "train/top1", "train/top5", "val/loss", "val/top1", "lr"):
        assert name in metrics[-1]
    config = json.loads((trained / "config.json").read_text())
    assert config["model"]["preset"] == "gsf_resnet14thin"
    run_json = json.loads((trained / "run.json").read_text())
    assert run_json["num_classes"] == 12
    assert len((trained / "labels.txt").read_text().split()) == 12
    assert list((trained / "events").glob("events.out.*"))
    assert (trained / "model.keras").exists()


@pytest.fixture(scope="module")
def undisturbed_metrics(records, tmp_path_factory):
    workdir = tmp_path_factory.mktemp("undisturbed") / "run"
    run("train", *train_flags(records, workdir, epochs=5))
    return read_metrics(workdir)


@pytest.mark.parametrize("kill_after_epoch", [1, 3])
def test_a_killed_run_continues_where_it_was(
    records, undisturbed_metrics, tmp_path, kill_after_epoch
):
    """SIGKILL in the middle; the same command ends with the metrics of an undisturbed run."""
    killed = tmp_path / "killed"
    flags = train_flags(records, killed, epochs=5)
    process = subprocess.Popen(
        [sys.executable, "-m", "trainers.train", *flags],
        cwd=REPOSITORY,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    newest = killed / "checkpoints" / "checkpoint"
    deadline = time.monotonic() + 180
    while process.poll() is None and time.monotonic() < deadline:
        if newest.exists() and f"ckpt-{kill_after_epoch}" in newest.read_text():
            break
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (killed / "model.keras").exists()

    output = run("train", *flags).stdout
    assert "Continuing after epoch" in output
    for one, other in zip(read_metrics(killed), undisturbed_metrics, strict=True):
        assert one.keys() == other.keys()
        for name in one.keys() - {"clips_per_second"}:
            assert one[name] == pytest.approx(other[name], rel=1e-6), name


def test_a_finished_run_is_finished(trained, records):
    before = read_metrics(trained)
    output = run("train", *train_flags(records, trained, epochs=2)).stdout
    assert "Continuing after epoch 2 of 2" in output
    assert read_metrics(trained) == before


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--config.model.presset=x"], 'Did you mean "preset"'),
        (["--config=configs/nowhere.py"], "--config must be the path of a configuration"),
        (["--config.epochs=9"], "epochs: 2 in the workdir, 9 now"),
        (["--config.model.preset=gsf_resnet14thinn"], "Did you mean 'gsf_resnet14thin'"),
        (["--config.warmup_epochs=2"], "--config.warmup_epochs must be less than --config.epochs"),
        (["--config.precision=bf16"], "mixed_bfloat16"),
        (["--config.data.batch_size=0"], "--config.data.batch_size must be at least 1"),
        (["--config.data.records=nowhere"], "dataset_info.json"),
        (["--config.data.val_split=test"], "train, val"),
    ],
)
def test_bad_configuration(trained, records, extra, message):
    process = run("train", *train_flags(records, trained, epochs=2), *extra, check=False)
    assert process.returncode != 0
    assert message in process.stderr
    assert "Traceback" not in process.stderr


def test_a_start_that_failed_does_not_bind_the_workdir(records, tmp_path):
    flags = train_flags(records, tmp_path / "run", epochs=1)
    assert run("train", *flags, "--config.model.preset=gsf_resnet5", check=False).returncode == 1
    run("train", *flags)


def test_records_may_move_but_not_change(trained, clips, records, tmp_path):
    moved, changed = tmp_path / "my [records]", tmp_path / "changed"
    shutil.copytree(records, moved)
    assert "Continuing after epoch 2" in run("train", *train_flags(moved, trained, 2)).stdout
    run("prepare", f"--videos={clips}", f"--output={changed}", "--short_side=40")
    process = run("train", *train_flags(changed, trained, 2), check=False)
    assert process.returncode == 1
    assert "the records it began with" in process.stderr and "short_side" in process.stderr


def test_a_batch_larger_than_the_data(records, tmp_path):
    flags = [*train_flags(records, tmp_path / "run", epochs=1), "--config.data.batch_size=64"]
    process = run("train", *flags, check=False)
    assert process.returncode == 1
    assert "48 clips and --config.data.batch_size=64" in process.stderr


def test_records_of_another_label_map(trained, clips, tmp_path):
    """The workdir knows its labels; records of other classes are refused by all programs."""
    other_videos, other_records = tmp_path / "videos", tmp_path / "records"
    for split in ("train", "val"):
        for name in ("growing", "shrinking"):
            (other_videos / split).mkdir(parents=True, exist_ok=True)
            (other_videos / split / name).symlink_to(clips / split / name)
    run("prepare", f"--videos={other_videos}", f"--output={other_records}")
    process = run("evaluate", f"--workdir={trained}", f"--records={other_records}", check=False)
    assert process.returncode == 1
    assert "label map it was trained on" in process.stderr
    assert "Traceback" not in process.stderr
