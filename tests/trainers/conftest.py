import shutil

import pytest

from gsf_tf.data.demo_clips import generate_clips
from tests.program_forks import run_program
from tests.shared_folder import shared_folder


def run(program, *flags, check=True):
    """Runs a program and returns the finished process with its output."""
    process = run_program(program, *flags)
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

    def make(folder):
        for _ in generate_clips(folder, {"train": 4, "val": 1}, seed=1):
            pass

    return shared_folder(tmp_path_factory, "clips", make)


@pytest.fixture(scope="package")
def records(clips, tmp_path_factory):
    def make(folder):
        run("prepare", f"--videos={clips}", f"--output={folder}", "--clips_per_shard=16")

    return shared_folder(tmp_path_factory, "records", make)


@pytest.fixture(scope="package")
def trained(records, tmp_path_factory):
    """A workdir in which two short epochs were trained, to write to."""

    def make(folder):
        run("train", *train_flags(records, folder, epochs=2))

    workdir = tmp_path_factory.mktemp("runs") / "gsf"
    return shutil.copytree(shared_folder(tmp_path_factory, "trained", make), workdir)


@pytest.fixture(scope="package")
def exported(trained, tmp_path_factory):
    """The model of `trained` as a SavedModel."""

    def make(folder):
        run("export", f"--workdir={trained}")
        (trained / "export" / "1").rename(folder)

    return shared_folder(tmp_path_factory, "exported", make)
