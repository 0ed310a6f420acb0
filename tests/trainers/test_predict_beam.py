"""`gsf-tf predict --runner=beam`: the rows of a local run, also after it was stopped."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from gsf_tf.data import LabelMap
from gsf_tf.errors import UserError
from gsf_tf.evaluation import Predictor
from gsf_tf.models import from_preset
from gsf_tf.trained import open_model
from tests import exhaustive
from tests.data.video_maker import make_video
from tests.program_forks import REPOSITORY
from tests.trainers.conftest import run
from trainers.predict_beam import PartFiles, PredictPart, predict_with_beam
from trainers.predict_rows import TextRows, row_of

IN_THIS_PROCESS = ["--runner=FnApiRunner"]
JOB = {"model": "m", "model_sha256": "0", "format": "json"}


def worker_processes(number):
    mode = f"--direct_running_mode=multi_processing --direct_num_workers={number}"
    return f"--beam_options=--runner=FnApiRunner {mode}"


def make_videos(folder, number):
    """Writes videos of noise, of 3 to 20 frames, and a file that is no video."""
    videos = [make_video(folder / f"{i}.mp4", 3 + i % 18, noise=True) for i in range(number - 1)]
    (folder / "none.mp4").write_text("no video")
    return [*map(str, videos), str(folder / "none.mp4")]


@pytest.fixture(scope="module")
def predictor():
    shape = (32, 32, 3)
    model = from_preset("tsn_resnet14thin", num_classes=3, num_segments=2, input_shape=shape)
    kernel = model.get_layer("classifier").kernel
    kernel.assign(np.random.default_rng(0).normal(size=kernel.shape))
    return Predictor(open_model(model, LabelMap(["down", "left", "up"])))


def texts(rows):
    return [TextRows("json", 2, False).text(row) for row in rows]


def test_a_job_that_was_stopped_does_what_is_left_and_doubles_nothing(predictor, tmp_path):
    videos = make_videos(tmp_path, 6)
    # A name that is no UTF-8, as names of files may be.
    os.rename(videos[1], tmp_path / "\udcff.mp4")
    videos[1] = str(tmp_path / "\udcff.mp4")
    expected = texts(row_of(prediction, 2) for prediction in predictor.predict(videos))
    parts, arguments = PartFiles(tmp_path / "rows.jsonl", JOB), {"model": predictor.model}

    def predict(videos):
        rows, models = predict_with_beam(videos, parts, arguments, IN_THIS_PROCESS, False, 2)
        return texts(rows), models

    assert predict(videos[:3]) == (expected[:3], 1)
    folder = next((tmp_path / "rows.jsonl.parts").iterdir())
    first = {path: path.stat().st_ino for path in folder.iterdir()}
    # A worker that was lost in the middle of a part, and one that came too late.
    (folder / "0.rows.jsonl.01234567.incomplete").write_text(expected[3][:20])
    (folder / "zz.rows.jsonl").write_text(expected[0])
    assert predict(videos) == (expected, 1)
    assert {path: path.stat().st_ino for path in first} == first
    assert len(list(folder.glob("*.rows.jsonl"))) == 6 + 1
    assert predict(videos) == (expected, 0)
    other = PartFiles(tmp_path / "rows.jsonl", {**JOB, "model_sha256": "1"})
    assert not other.find() and PartFiles(tmp_path / "rows.jsonl", {**JOB, "model": "n"}).find()
    other.remove()
    parts.remove()
    assert not (tmp_path / "rows.jsonl.parts").exists()


def test_workers_in_another_folder_give_the_rows_of_a_local_run(predictor, tmp_path, monkeypatch):
    make_videos(tmp_path / "videos", 2)
    (tmp_path / "videos" / "frames").mkdir()
    (tmp_path / "videos" / "frames" / "frame_000001.jpg").write_text("no picture")
    videos = ["videos/0.mp4", "videos/none.mp4", "./videos/frames/", str(tmp_path / "nowhere.mp4")]
    monkeypatch.chdir(tmp_path)
    expected = texts(row_of(prediction, 2) for prediction in predictor.predict(videos))
    part = PredictPart({"model": predictor.model}, False, 2, os.getcwd())
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    list(part.process((tmp_path / "a.rows.jsonl", [os.fsencode(video) for video in videos])))
    assert (tmp_path / "a.rows.jsonl").read_text().splitlines(True) == expected


@pytest.mark.parametrize(
    ("options", "message"), [(["--runner=Flinch"], "Flinch"), (IN_THIS_PROCESS, "nowhere")]
)
def test_a_pipeline_that_fails(tmp_path, options, message):
    parts = PartFiles(tmp_path / "rows.csv", JOB)
    with pytest.raises(UserError, match="must run to its end") as failed:
        predict_with_beam(["a.mp4"], parts, {"model": "nowhere"}, options, False, 2)
    assert message in str(failed.value)


@exhaustive.MARK
def test_worker_processes_give_the_rows_of_a_local_run(exported, tmp_path):
    videos = make_videos(tmp_path / "videos", 5)
    flags = [f"--model={exported}", "--features", *videos]
    local, beam = tmp_path / "local.jsonl", tmp_path / "beam.jsonl"
    run("predict", f"--output={local}", *flags, check=False)
    process = run(
        "predict", f"--output={beam}", "--runner=beam", worker_processes(2), *flags, check=False
    )
    assert process.returncode == 1 and "5 rows, 1 of them errors" in process.stderr
    assert "loaded the model 2 times" in process.stderr
    assert beam.read_bytes() == local.read_bytes()
    jobs = [json.loads(path.read_text()) for path in tmp_path.glob("*.job.json")]
    assert len(jobs) == 2 and jobs[0] == jobs[1]
    assert not (tmp_path / "beam.jsonl.parts").exists()


@exhaustive.MARK
def test_a_job_that_is_killed_again_and_again_has_each_row_once(exported, tmp_path):
    videos = make_videos(tmp_path / "videos", 200)
    flags = [f"--model={exported}", *videos]
    local, beam = tmp_path / "local.csv", tmp_path / "beam.csv"
    run("predict", f"--output={local}", *flags, check=False)
    command = [sys.executable, "-m", "trainers.predict", f"--output={beam}", "--runner=beam"]
    command += [worker_processes(4), *flags]

    def part_files():
        return set((tmp_path / "beam.csv.parts").glob("*/*.rows.jsonl"))

    for _ in range(3):
        before = part_files()
        with subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.DEVNULL) as process:
            while len(part_files() - before) < 3:
                assert process.poll() is None
                time.sleep(0.01)
            process.send_signal(signal.SIGKILL)
        # Workers that outlive it may finish what they are at.
    process = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert process.returncode == 1 and "200 rows, 1 of them errors" in process.stderr
    assert "loaded the model 4 times" in process.stderr
    assert beam.read_bytes() == local.read_bytes()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--beam_options=--runner=X", "--output=x.csv"], "must come with --runner=beam"),
        (["--runner=beam"], "it needs --output"),
        (
            ["--runner=beam", "--output=x.csv", "--beam_options=--x='a"],
            "every quotation mark closed. Received: --beam_options=--x='a",
        ),
    ],
)
def test_flags_that_do_not_fit(flags, message):
    process = run("predict", "--model=nowhere", *flags, "x.mp4", check=False)
    assert process.returncode == 1 and "Traceback" not in process.stderr
    assert message in " ".join(process.stderr.split())
