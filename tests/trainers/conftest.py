import pathlib
import subprocess
import sys

import pytest

from gsf_tf.data.demo_clips import generate_clips

REPOSITORY = pathlib.Path(__file__).parents[2]


def run(program, *flags, check=True):
    """Runs a program as a user does and returns the finished process with its output."""
    process = subprocess.run(
        [sys.executable, "-m", f"trainers.{program}", *map(str, flags)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )
    if check:
        assert process.returncode == 0, process.stdout + process.stderr
    return process


def train_flags(records, workdir, epochs):
    return [
        "--config=configs/demo.py:gsf_resnet14thin",
        f"--config.data.records={records}",
        "--config.data.batch_size=8",
        "--config.model.image_size=32",
        "--config.model.num_segments=4",
        f"--config.epochs={epochs}",
        "--config.warmup_epochs=0",
        "--config.eval_every_epochs=1",
        f"--workdir={workdir}",
    ]


@pytest.fixture(scope="package")
def clips(tmp_path_factory):
    """Real clips of the embedded default: four to train on and one held out per class."""
    folder = tmp_path_factory.mktemp("clips")
    for _ in generate_clips(folder, {"train": 4, "val": 1}, seed=1):
        pass
    return folder


@pytest.fixture(scope="package")
def records(clips, tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "records"
    run("prepare", f"--videos={clips}", f"--output={folder}", "--clips_per_shard=16")
    return folder


@pytest.fixture(scope="package")
def trained(records, tmp_path_factory):
    """A workdir in which two short epochs were trained."""
    workdir = tmp_path_factory.mktemp("runs") / "gsf"
    run("train", *train_flags(records, workdir, epochs=2))
    return workdir


@pytest.fixture(scope="package")
def exported(trained):
    run("export", f"--workdir={trained}")
    return trained / "export" / "1"
