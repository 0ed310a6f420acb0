import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest
import tensorflow as tf

from tests.data.video_maker import REAL_VIDEOS, cut, make_video

REPOSITORY = pathlib.Path(__file__).parents[2]


def command(*flags):
    return [sys.executable, "-m", "trainers.prepare", *map(str, flags)]


def prepare(*flags):
    return subprocess.run(command(*flags), cwd=REPOSITORY, capture_output=True, text=True)


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("videos")
    for name in ("going up", "down"):
        for number, size in enumerate([(64, 96), (96, 64), (48, 48), (64, 64)]):
            make_video(folder / name / f"{number}.mp4", 3 + number, *size)
    cut(make_video(folder / "down" / "cut.mp4", 20, noise=True), 0.5)
    (folder / "down" / "text.mp4").write_text("not a video\n" * 100)
    (folder / "down" / "notes.txt").touch()
    return folder


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_from_folder_to_records(videos, tmp_path):
    flags = (f"--videos={videos}", "--short_side=40", "--clips_per_shard=2", "--seed=3")
    one, two = tmp_path / "one", tmp_path / "two"
    first = prepare(*flags, f"--output={one}", "--workers=1")
    assert first.returncode == 0, first.stderr
    assert "10 clips of 2 classes" in first.stdout and "Ignored 1 files" in first.stdout
    assert "left out: down/text.mp4: no video format" in first.stdout
    assert "left out: down/cut.mp4: the file is cut off" in first.stdout
    info = json.loads((one / "dataset_info.json").read_text())
    assert info["labels"] == ["down", "going up"]
    splits = info["splits"].values()
    assert sum(split["clips"] for split in splits) == 8
    assert sum(split["quarantined"] for split in splits) == 2
    quarantine = [json.loads(line) for line in (one / "quarantine.jsonl").open()]
    assert {clip["path"] for clip in quarantine} == {"down/cut.mp4", "down/text.mp4"}

    assert prepare(*flags, f"--output={two}", "--workers=2").returncode == 0
    assert contents(one) == contents(two)

    again = prepare(*flags, f"--output={one}")
    assert again.returncode == 0 and "nothing to do" in again.stdout

    other = prepare(*flags, f"--output={one}", "--jpeg_quality=50")
    assert other.returncode == 1 and "jpeg_quality: 95 there, 50 here" in other.stderr
    assert contents(one) == contents(two)


def test_from_lists(videos, tmp_path):
    (tmp_path / "train.txt").write_text(
        "down/0.mp4 down\ngoing up/0.mp4\tgoing up\ndown/missing.mp4 down\n"
    )
    (tmp_path / "val.txt").write_text('"going up/1.mp4" "going up"\n')
    result = prepare(
        f"--videos={videos}", f"--output={tmp_path / 'records'}", "--workers=1",
        f"--annotations={tmp_path / 'train.txt'}", f"--val_annotations={tmp_path / 'val.txt'}",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "left out: down/missing.mp4: there is no such file" in result.stdout
    info = json.loads((tmp_path / "records" / "dataset_info.json").read_text())
    assert {name: split["clips"] for name, split in info["splits"].items()} == {
        "train": 2, "val": 1,
    }  # fmt: skip


@pytest.fixture
def hmdb51(tmp_path):
    lists = tmp_path / "lists"
    lists.mkdir()
    for name in ("clap", "wave"):
        for number in range(3):
            make_video(tmp_path / "videos" / name / f"{number}.avi", 4)
        lines = "".join(f"{number}.avi {1 + number % 2} \n" for number in range(4))
        (lists / f"{name}_test_split2.txt").write_text(lines)
    (tmp_path / "videos" / "clap" / "2.avi").write_text("not a video")
    return f"--videos={tmp_path / 'videos'}", f"--annotations={lists}"


def test_from_a_data_set_of_the_papers(hmdb51, tmp_path):
    flags = (*hmdb51, "--dataset=hmdb51", "--split=2", f"--output={tmp_path / 'records'}")
    result = prepare(*flags, "--workers=1")
    assert result.returncode == 0, result.stderr
    assert "Missing: 2 clips that the annotations list, as clap/3.avi, wave/3.avi" in result.stdout
    rows = {}
    for line in result.stdout.splitlines():
        name, *numbers = (field.strip() for field in line.strip("│").split("│"))
        rows[name] = numbers
    assert rows["expected (published)"] == ["3570", "1530"]
    assert rows["found"] == ["4", "2"] and rows["missing"] == ["0", "2"]
    assert rows["quarantined"] == ["1", "0"] and rows["written"] == ["3", "2"]
    missing = tmp_path / "records" / "missing.txt"
    assert missing.read_text() == "val\tclap/3.avi\nval\twave/3.avi\n"
    assert "nothing to do" in prepare(*flags).stdout


def test_flags_that_do_not_go_together(hmdb51, tmp_path):
    flags = (*hmdb51, "--dataset=hmdb51", f"--output={tmp_path / 'records'}")
    for more, message in (
        (("--split=2", "--label_names=a,b"), "--label_names must come with a list"),
        (("--dataset=list", "--split=2"), "--split must come with a data set"),
    ):
        result = prepare(*flags, *more)
        assert result.returncode == 1 and "Traceback" not in result.stderr
        assert message in result.stderr


@pytest.mark.parametrize(
    "folder, flags, message",
    [
        ("none", [], "does not exist"),
        (".", ["--dataset=list"], "must come with --annotations"),
        (".", ["stray"], "given as a flag"),
    ],
)
def test_user_errors_are_one_paragraph(tmp_path, folder, flags, message):
    result = prepare(f"--videos={tmp_path / folder}", f"--output={tmp_path / 'records'}", *flags)
    assert result.returncode == 1
    assert message in result.stderr and "Traceback" not in result.stderr
    assert not (tmp_path / "records").exists()


def test_all_clips_of_a_split_damaged(tmp_path):
    for name in "ab":
        make_video(tmp_path / "videos/train" / name / "1.mp4", 2)
        (tmp_path / "videos/val" / name).mkdir(parents=True)
        (tmp_path / "videos/val" / name / "1.mp4").touch()
    result = prepare(
        f"--videos={tmp_path / 'videos'}", f"--output={tmp_path / 'records'}", "--workers=1"
    )
    assert result.returncode == 1 and "Traceback" not in result.stderr
    assert "2 clips for `val`, none of which does" in result.stderr


def test_killed_run_leaves_complete_shards_only_and_can_be_repeated(tmp_path):
    for name in "ab":
        for number in range(15):
            make_video(tmp_path / "videos" / name / f"{number}.mp4", 40, 128, 128, noise=True)
    records = tmp_path / "records"
    flags = (f"--videos={tmp_path / 'videos'}", f"--output={records}", "--workers=1",
             "--clips_per_shard=2")  # fmt: skip
    process = subprocess.Popen(command(*flags), cwd=REPOSITORY, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not list(records.glob("*.tfrecord")) and time.monotonic() < deadline:
        time.sleep(0.005)
    workers = children(process.pid)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (records / "dataset_info.json").exists()
    shards = list(records.glob("*.tfrecord"))
    assert shards
    for shard in shards:
        assert sum(1 for _ in tf.data.TFRecordDataset(str(shard))) == 2
    deadline = time.monotonic() + 10
    while any(map(is_running, workers)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(is_running, workers)), "a worker outlived the program"

    assert prepare(*flags).returncode == 0
    other = tmp_path / "other"
    other.mkdir()
    (other / "train-00000-of-00001.tfrecord").write_text("of another run")
    undisturbed = (*flags, f"--output={other}")
    assert "hold" in prepare(*undisturbed).stderr
    assert prepare(*undisturbed, "--overwrite").returncode == 0
    assert contents(records) == contents(other)


def children(pid):
    lists = pathlib.Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for path in lists for child in path.read_text().split()]


def is_running(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_help_teaches():
    result = prepare("--help")
    assert "python -m trainers.prepare --videos=videos --output=records" in result.stdout


@pytest.mark.skipif(not REAL_VIDEOS.is_dir(), reason=f"{REAL_VIDEOS} is not there")
def test_real_videos(tmp_path):
    for index, path in enumerate(sorted(REAL_VIDEOS.iterdir())):
        target = tmp_path / "videos" / "ab"[index % 2] / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(path)
    result = prepare(
        f"--videos={tmp_path / 'videos'}", f"--output={tmp_path / 'records'}", "--val_fraction=0",
        "--workers=1", "--short_side=128",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "corrupted.mp4: decoding failed" in result.stdout
    assert "(28 frames decoded)" in result.stdout
    info = json.loads((tmp_path / "records" / "dataset_info.json").read_text())
    assert info["splits"]["train"]["clips"] == 5
