"""`gsf-tf watch`: files and a broken stream, and everything that it writes."""

import ast
import collections
import csv
import json
import os
import pathlib
import signal
import threading
import time

import numpy as np
import pytest

from gsf_tf.data import LabelMap, read_frames
from gsf_tf.data.demo_clips import write_video
from gsf_tf.errors import UserError
from gsf_tf.models import from_preset
from gsf_tf.streaming import StreamingModel
from gsf_tf.streaming.consensus import KINDS
from gsf_tf.streaming.stream_settings import StreamSettings
from gsf_tf.streaming.video_reader import VideoReader
from tests import exhaustive
from tests.program_forks import REPOSITORY
from tests.streaming.stream_server import FRAME_RATE, StreamServer, moving_picture
from tests.trainers.conftest import run
from trainers.watch_loop import SignalStop, watch
from trainers.watch_output import WatchOptions, WatchOutput

NAMES = ["wave", "walk", "run", "sit", "jump"]
STREET = pathlib.Path(REPOSITORY).parent / "shared" / "videos" / "street_h264.mp4"


def build():
    model = from_preset("tsm_resnet14thin", 5, 4, (32, 32, 3))
    classifier = model.get_layer("classifier").kernel
    classifier.assign(np.random.default_rng(0).normal(size=classifier.shape))
    return model


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The flags of a small model with random weights."""
    folder = tmp_path_factory.mktemp("model")
    build().save(folder / "m.keras")
    (folder / "labels.txt").write_text("\n".join(NAMES) + "\n")
    return [f"--model={folder}/m.keras", f"--labels={folder}/labels.txt"]


def objects(text):
    """The answers and the events of JSON lines."""
    values = [json.loads(line) for line in text.splitlines()]
    return [v for v in values if "top" in v], [v for v in values if "event" in v]


def test_every_second_of_a_broken_stream_is_written_once(model, tmp_path):
    paths = [tmp_path / name for name in ("a.jsonl", "a.csv", "a.mp4")]
    server = StreamServer(frames=48, break_at=24)
    flags = [f"--{n}={p}" for n, p in zip(("output", "segments", "annotate"), paths, strict=True)]
    flags += ["--queue=1000", "--reconnects=1", "--pause=0.1", "--threshold=0", "--merge=0"]
    with server.running() as address:
        address = address.replace("//", "//me:secret@")
        process = run("watch", *model, *flags, f"{address}?key=secret", check=False)
    assert server.connections == 3
    # A camera that does not come back is an error, behind what it has shown.
    assert process.returncode == 1 and "Error: A video must come to its end" in process.stderr
    answers, events = objects(paths[0].read_text())
    assert [answer["seconds"] for answer in answers] == [tick / 8 for tick in range(24)]
    kinds = [event["event"] for event in events]
    assert kinds == ["begin", "broken", "connected", "broken", "failed", "end"]
    assert {answer["dropped"] for answer in answers} == {0}
    assert all(len(answer["top"]) == 3 for answer in answers)
    assert len(process.stdout.splitlines()) == 3
    # The segments cover the stream, one after the other.
    rows = list(csv.DictReader(paths[1].open()))
    assert [row["start"] for row in rows] == ["0.000", *(row["end"] for row in rows[:-1])]
    assert rows[-1]["end"] == "3.000" and {row["class"] for row in rows} <= set(NAMES)
    assert read_frames(paths[2]).shape == (24, 48, 64, 3)
    for text in (process.stdout, process.stderr, *(p.read_text() for p in paths[:2])):
        assert "secret" not in text


def test_a_long_file_as_json(model, tmp_path):
    if not STREET.exists():
        pytest.skip(f"{STREET} is not on this machine")
    process = run("watch", *model, "--json", "--rate=4", "--smoothing=none", STREET)
    answers, events = objects(process.stdout)
    # 300 frames at 30 frames per second: ten seconds.
    assert [answer["seconds"] for answer in answers] == [tick / 4 for tick in range(40)]
    assert [event["event"] for event in events] == ["begin", "end"]
    assert collections.Counter(len(answer["top"]) for answer in answers) == {3: 40}
    assert "answers 4 frames (1.00 s) late" in process.stderr


@pytest.mark.exhaustive
def test_a_window_of_the_last_seconds(model, tmp_path):
    frames = np.stack([moving_picture(i) for i in range(16)])
    write_video(tmp_path / "a.mp4", frames, FRAME_RATE)
    process = run("watch", *model, "--json", "--window=0.75", tmp_path / "a.mp4")
    answers, _ = objects(process.stdout)
    assert [answer["seconds"] for answer in answers] == [tick / 8 for tick in range(8)]
    assert "answers 0 frames (0.00 s) late" in process.stderr
    process = run("watch", *model, "--window=0.1", tmp_path / "a.mp4", check=False)
    assert process.returncode == 1 and "`frames` must be an integer in 4..4096" in process.stderr


def options(tmp_path, **values):
    own = {"output": "o.jsonl", "segments": "o.csv", "annotate": "o.mp4"}
    return WatchOptions(
        **{"rate": 8.0, "top": 2, "every": 1.0, "json": True, "threshold": 0.0, "merge": 0.0}
        | {"shortest": 0.0}
        | {name: str(tmp_path / file) for name, file in own.items()}
        | values
    )


def test_ctrl_c_writes_everything(tmp_path, capsys):
    def interrupt():
        while (tmp_path / "o.jsonl").read_text().count("top") < 4:
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    settings = StreamSettings(8.0, (32, 32), 48, picture_side=48, queue=100)
    with (
        StreamServer(frames=160).running() as address,
        WatchOutput(LabelMap(NAMES), options(tmp_path)) as output,
        VideoReader(address, settings) as reader,
        SignalStop(reader.stop),
    ):
        threading.Thread(target=interrupt).start()
        watch(reader, StreamingModel(build()), output)
    answers, events = objects((tmp_path / "o.jsonl").read_text())
    assert events[-1]["event"] == "end" and output.failures == 0
    # Also the answers to the last frames, for which the model waited.
    seconds = [answer["seconds"] for answer in answers]
    assert 4 < len(seconds) < 80 and seconds == [tick / 8 for tick in range(len(seconds))]
    assert (answers, events) == objects(capsys.readouterr().out)
    assert len(read_frames(tmp_path / "o.mp4")) == len(answers)
    rows = list(csv.DictReader((tmp_path / "o.csv").open()))
    assert float(rows[-1]["end"]) == len(answers) / 8


def test_videos_of_a_folder_follow_each_other_in_the_annotated_video(tmp_path, capsys):
    for name, size in (("a", (48, 64)), ("b", (64, 48))):
        frames = np.stack([moving_picture(i, size) for i in range(16)])
        (tmp_path / "in").mkdir(exist_ok=True)
        write_video(tmp_path / "in" / f"{name}.mp4", frames, FRAME_RATE)
    settings = StreamSettings(8.0, (32, 32), 48, picture_side=48, settle=0, wait=0.2)
    with (
        WatchOutput(LabelMap(NAMES), options(tmp_path, json=False)) as output,
        VideoReader(tmp_path / "in", settings) as reader,
    ):
        watch(reader, StreamingModel(build(), consensus="mean"), output)
    answers, _ = objects((tmp_path / "o.jsonl").read_text())
    assert [a["seconds"] for a in answers] == 2 * [tick / 8 for tick in range(8)]
    assert len({a["video"] for a in answers}) == 2
    assert read_frames(tmp_path / "o.mp4").shape == (16, 48, 64, 3)
    rows = list(csv.DictReader((tmp_path / "o.csv").open()))
    assert {row["end"] for row in rows} >= {"1.000"} and len({row["video"] for row in rows}) == 2
    assert len(capsys.readouterr().out.splitlines()) == 2
    with pytest.raises(UserError, match="`output` must be a new file. Received: .*o.jsonl"):
        WatchOutput(LabelMap(NAMES), options(tmp_path)).__enter__()


@pytest.mark.parametrize(
    ("flags", "message"),
    exhaustive.cases(
        [
            ([], "Give one video, folder, camera or address"),
            (["a.mp4", "b.mp4"], "Received: 2 of them"),
            (["--output=a.json", "a.mp4"], "--output must end in .jsonl"),
            (["--segments=a.txt", "a.mp4"], "--segments must end in .csv"),
            (["--annotate=a.avi", "a.mp4"], "--annotate must end in .mp4"),
            (
                ["--smoothing=mean", "--smoothing_frames=3", "a.mp4"],
                "belongs to --smoothing=window",
            ),
            (["--window=2", "--smoothing=none", "a.mp4"], "a window has its own mean"),
            (["--every=0", "a.mp4"], "--every must be above 0"),
            (["--window=inf", "a.mp4"], "--window must be seconds above 0. Received: --window=inf"),
            (["--window=600", "a.mp4"], "a number of frames that a sliding window can have"),
            (["--rate=0", "a.mp4"], "`rate` is the flag --rate."),
            (["nowhere.mp4"], "nowhere.mp4: The file does not exist."),
        ],
        lambda case: case[0] in ([], ["nowhere.mp4"]),
    ),
)
def test_wrong_flags(model, flags, message):
    process = run("watch", *model, *flags, check=False)
    assert process.returncode == 1 and "Traceback" not in process.stderr
    assert message in process.stderr


def test_wrong_flags_leave_no_files_behind(model, tmp_path):
    """The command can be given again as it was, but for what was wrong."""
    flags = [f"--output={tmp_path}/a.jsonl", "--window=0.1", "a.mp4"]
    assert run("watch", *model, *flags, check=False).returncode == 1
    assert not list(tmp_path.iterdir())


def test_files_that_were_opened_before_the_one_that_cannot_be_are_removed(tmp_path):
    (tmp_path / "o.mp4").touch()
    with pytest.raises(UserError, match="`annotate` must be a new file"):
        WatchOutput(LabelMap(NAMES), options(tmp_path)).__enter__()
    assert [path.name for path in tmp_path.iterdir()] == ["o.mp4"]


def test_names_of_files_need_not_be_utf_8(tmp_path, capsys):
    name = str(tmp_path / "\udcff.mp4")
    write_video(tmp_path / "a.mp4", np.stack([moving_picture(i) for i in range(4)]), FRAME_RATE)
    os.rename(tmp_path / "a.mp4", name)
    settings = StreamSettings(8.0, (32, 32), 48, picture_side=48)
    with (
        WatchOutput(LabelMap(NAMES), options(tmp_path, annotate=f"{name}.mp4")) as output,
        VideoReader(name, settings) as reader,
    ):
        watch(reader, StreamingModel(build(), consensus="mean"), output)
    answers, events = objects((tmp_path / "o.jsonl").read_text())
    assert len(answers) == 2 and {a["video"] for a in answers} == {name}
    assert (answers, events) == objects(capsys.readouterr().out)
    with open(tmp_path / "o.csv", errors="surrogateescape") as file:
        assert {row["video"] for row in csv.DictReader(file)} == {name}
    assert len(read_frames(f"{name}.mp4")) == 2


def test_the_smoothings_are_those_of_the_library():
    tree = ast.parse((pathlib.Path(REPOSITORY) / "trainers" / "watch.py").read_text())
    (value,) = (
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "SMOOTHING"
    )
    assert set(ast.literal_eval(value)) == {*KINDS, "none"}
