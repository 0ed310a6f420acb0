"""What the programs say of a full disk and of what is in the place of their output.

A limit of the size of files stands for a full disk: the writes really fail, in the middle of files.
"""

import contextlib
import errno
import json
import os
import resource
import subprocess
import sys

import numpy as np
import pytest

from gsf_tf.data import LabelMap, RecordSettings, list_video_folder, write_records
from gsf_tf.data.demo_clips import write_video
from gsf_tf.data.writing.write_shard import ShardWriter
from gsf_tf.errors import UserError
from gsf_tf.evaluation import Scores
from gsf_tf.evaluation.write_evaluation import write_evaluation
from gsf_tf.export import export_litert, export_onnx, export_saved_model
from gsf_tf.files.folder_lock import FolderLock
from gsf_tf.models import from_preset
from gsf_tf.models.model_file import save_model_file
from gsf_tf.training.learner import Learner
from gsf_tf.weights import save_torch_checkpoint
from gsf_tf.workdir import Workdir
from tests import exhaustive
from tests.program_forks import REPOSITORY
from tests.trainers.conftest import run
from tests.trainers.small_run import newest_state, run_training, small_config

pytestmark = pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")


@contextlib.contextmanager
def room_for(size):
    """No file may grow beyond so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def model():
    return from_preset("tsn_resnet14thin", 2, num_segments=2, input_shape=(32, 32, 3))


# ---- all programs --------------------------------------------------------------------------------


def test_a_reader_that_leaves_ends_a_program_without_a_word():
    """As in `gsf-tf watch ... | head`."""
    program = "from trainers import cli; cli.run(lambda argv: [print(i, flush=True) for i in 'ab'])"
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-c", program]
    process = subprocess.run(command, cwd=REPOSITORY, stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    assert (process.returncode, process.stderr) == (141, b"")


# ---- prepare -------------------------------------------------------------------------------------


def test_records_that_do_not_fit(clips, records, tmp_path):
    """The shard, its note, or the first file of all; with room again, the same bytes."""
    listing, settings = list_video_folder(clips), RecordSettings(clips_per_shard=16)
    output = tmp_path / "records"
    for size in (300_000, 40_000, 400, 10):
        with room_for(size), pytest.raises(UserError, match="`output` must be a") as caught:
            write_records(listing, str(output), settings, workers=1)
        assert "File too large" in str(caught.value)
        assert not [name for name in os.listdir(output) if "incomplete" in name]
    write_records(listing, str(output), settings, workers=1)
    assert contents(output) == contents(records)


def test_a_shard_whose_end_does_not_fit(tmp_path):
    """The last bytes leave the buffer when the file is closed."""
    path = tmp_path / "train-00000-of-00001.tfrecord"
    with (
        room_for(1000),
        pytest.raises(Exception, match="File too large"),
        ShardWriter(path) as shard,
    ):
        shard.write(b"x" * 2000)
    assert list(tmp_path.iterdir()) == []


def test_prepare_where_another_process_writes(clips, records, tmp_path):
    """The second one said that it differed, or that there was no room."""
    output = tmp_path / "records"
    flags = (f"--videos={clips}", f"--output={output}", "--clips_per_shard=16", "--workers=1")
    with FolderLock(output, "writes records", "output") as lock:
        process = run("prepare", *flags, check=False)
        assert process.returncode == 1 and "Traceback" not in process.stderr
        assert f"Process {os.getpid()} on host {os.uname().nodename} (since" in process.stderr
        assert "`take_over` is the flag --take_over" in process.stderr
        run("prepare", *flags, "--take_over")
        with pytest.raises(UserError, match="taken over|Only one process"):
            lock.check()
    assert contents(output) == contents(records)
    # What a killed process has left is removed.
    (output / ".lock").write_text(json.dumps({"host": os.uname().nodename, "pid": 1}))
    assert "nothing to do" in run("prepare", *flags).stdout
    assert contents(output) == contents(records)


# ---- train ---------------------------------------------------------------------------------------


def test_train_where_another_process_trains(records, tmp_path):
    config = small_config(records, "tsn_resnet14thin", epochs=1, warmup_epochs=0)
    path = tmp_path / "run"
    with (
        FolderLock(path, "trains", "workdir"),
        pytest.raises(UserError, match=r"Only one process.*trains in .*another `workdir`"),
    ):
        run_training(config, path)
    assert list(path.iterdir()) == []


@pytest.mark.parametrize("goes_on", exhaustive.cases([False, True], lambda goes_on: not goes_on))
def test_a_run_that_is_taken_over_ends(goes_on, records, tmp_path, monkeypatch):
    """It ends before it writes again, and the new process goes on from its last checkpoint."""
    config = small_config(
        records, "tsn_resnet14thin", epochs=1, warmup_epochs=0, **{"checkpoint.every_steps": 2}
    )
    path, take_step, steps = tmp_path / "run", Learner.take_step, []
    thief = FolderLock(path, "trains", "workdir", take_over=True)

    def counted(self, *args):
        take_step(self, *args)
        steps.append(1)
        if len(steps) == 3:
            thief.__enter__()

    monkeypatch.setattr(Learner, "take_step", counted)
    with pytest.raises(UserError, match="has taken over"):
        run_training(config, path)
    assert newest_state(path)[1]["step"] == 2 and len(steps) == 4
    thief.check()
    thief.__exit__()
    if goes_on:
        assert "Continuing in epoch 1 after 2 of 6 steps" in run_training(config, path)[1]
    assert ".lock" not in os.listdir(path)


def test_a_workdir_in_the_place_of_a_file(records, tmp_path):
    (tmp_path / "file").write_text("")
    config = small_config(records, "tsn_resnet14thin")
    for path in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(UserError, match="`workdir` must be a folder that can be written"):
            run_training(config, path)


# ---- The other programs --------------------------------------------------------------------------


def test_models_that_do_not_fit(model, tmp_path):
    path = tmp_path / "a.keras"
    path.write_text("before")
    for size in (100, 50_000, 300_000):
        with room_for(size), pytest.raises(OSError):
            save_model_file(model, path)
        assert contents(tmp_path) == {"a.keras": b"before"}
    workdir = Workdir(tmp_path / "run")
    workdir.path.mkdir()
    with room_for(50_000), pytest.raises(UserError, match="model.keras could not be written"):
        workdir.save_model(model)
    assert list(workdir.path.iterdir()) == []


def test_checkpoints_of_pytorch_that_do_not_fit(model, tmp_path):
    path = tmp_path / "a.pth.tar"
    save_torch_checkpoint(model, path)
    before = contents(tmp_path)
    for size in (100, 50_000):
        with room_for(size), pytest.raises(OSError):
            save_torch_checkpoint(model, path)
        assert contents(tmp_path) == before
    save_torch_checkpoint(model, path)
    assert contents(tmp_path) == before


def test_exports_that_do_not_fit(model, tmp_path):
    labels = LabelMap(["down", "up"])
    for size in (10, 5_000, 100_000):
        with room_for(size), pytest.raises(UserError, match="`directory` must be a place"):
            export_saved_model(model, labels, tmp_path / "export" / "1")
        assert list((tmp_path / "export").iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="`directory` must be a place.*File exists"):
        export_saved_model(model, labels, tmp_path / "file" / "1")


@pytest.mark.parametrize(
    "export", exhaustive.cases([export_litert, export_onnx], lambda case: case is export_litert)
)
def test_models_of_other_formats_that_do_not_fit(model, tmp_path, export):
    """The files before the model do."""
    with room_for(100_000), pytest.raises(UserError, match="`directory` must be a place"):
        export(model, LabelMap(["down", "up"]), tmp_path / "export" / "1")
    assert list((tmp_path / "export").iterdir()) == []


def test_evaluations_that_do_not_fit(tmp_path):
    count, names = 2000, ["down", "up"]
    ids = np.array([f"train:{number}" for number in range(count)])
    logits = {"action": np.zeros((count, 2), "float32")}
    scores = Scores(ids, logits, {"action": np.zeros(count, "int32")}, {"action": names})
    workdir = Workdir(tmp_path / "run")
    for size in (100, 20_000):
        with room_for(size), pytest.raises(UserError, match="must be writable and have room"):
            write_evaluation(workdir, "accuracy", scores, dict, title="")
        assert not list(workdir.path.glob("*partial*"))
        assert not (workdir.path / "eval_accuracy.json").exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="must be writable and have room"):
        write_evaluation(Workdir(tmp_path / "file"), "accuracy", scores, dict, title="")


def test_clips_of_the_demo_that_do_not_fit(tmp_path):
    """A clip that was cut off stayed."""
    frames = np.random.default_rng(0).integers(0, 256, (8, 64, 64, 3), "uint8")
    for size in (10, 5_000):
        with room_for(size), pytest.raises(OSError):
            write_video(tmp_path / "a.mp4", frames)
        assert list(tmp_path.iterdir()) == []
    write_video(tmp_path / "a.mp4", frames)
    assert os.listdir(tmp_path) == ["a.mp4"]


def test_programs_say_it_in_a_sentence(model, clips, tmp_path):
    model.save(tmp_path / "a.keras")
    (tmp_path / "b.pth.tar").mkdir()
    (tmp_path / "file").write_text("")
    convert = ("--reverse", f"--model={tmp_path}/a.keras", f"--output={tmp_path}/b.pth.tar")
    for name, flags in (
        ("convert", convert),
        ("demo", (f"--output={tmp_path}/file", "--records_only")),
        ("prepare", (f"--videos={clips}", f"--output={tmp_path}/file")),
        ("export", (f"--workdir={'x' * 5000}",)),
    ):
        process = run(name, *flags, check=False)
        assert process.returncode == 1 and "Traceback" not in process.stderr, process.stderr
        assert process.stderr.count("Error: ") == 1, process.stderr


PRINTS = "from trainers import cli; cli.run(lambda argv: print('x' * {}))"
RAISES = "from trainers import cli\ndef main(argv): raise OSError({}, 'no', 'a/b')\ncli.run(main)"


def start(program, stdout=subprocess.PIPE):
    command = [sys.executable, "-c", program]
    pipes = {"stdout": stdout, "stderr": subprocess.PIPE}
    return subprocess.run(command, cwd=REPOSITORY, text=True, **pipes)


@pytest.mark.parametrize("buffered", ["", "1"])
@pytest.mark.parametrize("size", [3, 100_000])
def test_standard_output_that_is_full(monkeypatch, size, buffered):
    """What `predict` prints, in a file on a full disk."""
    monkeypatch.setenv("PYTHONUNBUFFERED", buffered)
    with open("/dev/full", "w") as full:
        process = start(PRINTS.format(size), full)
    assert process.returncode == 1
    (line,) = process.stderr.strip().splitlines()
    assert line.startswith("Error: The system must let files be read and written.")
    assert "No space left on device for a file or for standard output" in line


def test_errors_of_the_system_in_any_place():
    process = start(RAISES.format(errno.EROFS))
    assert process.returncode == 1 and "Traceback" not in process.stderr
    assert "Error: The system must let files be read and written" in process.stderr
    assert "'a/b'" in process.stderr
    # Others are bugs, as before.
    assert "Traceback" in start(RAISES.format(errno.EBADF)).stderr
