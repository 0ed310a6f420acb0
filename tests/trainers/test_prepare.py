import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

import pytest
from PIL import Image

from gsf_tf.data import (
    ClipLimits,
    RecordSettings,
    list_video_folder,
    split_for_validation,
    write_records,
)
from gsf_tf.data.video import decoding_process
from gsf_tf.data.writing.record_plan import RecordPlan
from tests.data.record_reader import read_records
from tests.data.video.hostile_clips import NO_FILES, gif, make_titled_video
from tests.data.video_maker import REAL_VIDEOS, cut, frame_numbers, make_video, numbered_frame
from tests.program_forks import REPOSITORY, run_program


def command(*flags):
    return [sys.executable, "-m", "trainers.prepare", *map(str, flags)]


def prepare(*flags):
    return run_program("prepare", *flags)


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
    assert "10/10" in first.stdout and "2 quarantined" in first.stdout
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
    assert other.returncode == 1 and "jpeg_quality: 95 in the folder, 50 now" in other.stderr
    assert contents(one) == contents(two)


def test_records_inside_the_folder_of_the_videos(tmp_path):
    for name in ("a", "b"):
        for number in (1, 2):
            make_video(tmp_path / name / f"{number}.mp4", 3 + number)
    output = tmp_path / "records"
    flags = (f"--videos={tmp_path}", f"--output={output}", "--workers=1")
    first = prepare(*flags)
    assert first.returncode == 0, first.stderr
    before = contents(output)
    again = prepare(*flags)
    assert again.returncode == 0 and "is complete" in again.stdout, again.stderr
    assert "`records` is left out" in again.stdout
    other = prepare(*flags, "--short_side=32", "--overwrite")
    assert other.returncode == 0 and contents(output).keys() == before.keys(), other.stderr
    third = prepare(*flags[::2], f"--output={tmp_path / 'more'}")
    assert third.returncode == 0 and "4 clips of 2 classes" in third.stdout, third.stderr


def test_hostile_files_are_quarantined(tmp_path):
    videos, records = tmp_path / "videos", tmp_path / "records"
    for name in ("train/a", "train/b", "val/a", "val/b"):
        make_video(videos / name / "good.mp4", 3)
    kinds = {"fifo": "a named pipe", "socket": "a socket", "device": "a device"}
    for kind in kinds:
        NO_FILES[kind](videos / "train/a" / f"{kind}.mp4")
    (videos / "train/a/list.mp4").write_text("ffconcat version 1.0\nfile good.mp4\n")
    (videos / "train/b/long.gif").write_bytes(gif(1000, 1000, 100))
    titled = make_titled_video(videos / "train/b/titled.mkv")
    titled.write_bytes(titled.read_bytes().replace(b"TITLE!", b"\xff" * 6))
    flags = (f"--videos={videos}", f"--output={records}", "--workers=1")
    result = prepare(*flags, "--max_clip_pixels=9000000")
    assert result.returncode == 0 and "Traceback" not in result.stderr, result.stderr
    quarantine = [json.loads(line) for line in (records / "quarantine.jsonl").open()]
    reasons = {clip["path"].removeprefix("train/"): clip["reason"] for clip in quarantine}
    assert reasons.pop("a/list.mp4").startswith("no video format was recognized: `concat`")
    assert "`max_clip_pixels`" in reasons.pop("b/long.gif")
    assert reasons == {
        f"a/{kind}.mp4": f"it is {what}, not a regular file" for kind, what in kinds.items()
    }
    assert len(read_records(records)) == 5
    info = json.loads((records / "dataset_info.json").read_text())
    assert info["settings"]["max_clip_pixels"] == 9000000
    again = prepare(*flags)
    assert again.returncode == 1
    assert "max_clip_pixels: 9000000 in the folder, 300000000000 now" in again.stderr


def test_limits_of_the_programs_are_those_of_the_library():
    for program in ("prepare", "predict"):
        text = (REPOSITORY / "trainers" / f"{program}.py").read_text()
        pixels, seconds = ClipLimits().max_clip_pixels, ClipLimits().max_clip_seconds
        assert f'"max_clip_pixels",\n    {pixels:_},' in text
        assert f'"max_clip_seconds", {seconds},' in text


def test_from_images(tmp_path):
    for name in ("train/a/1.JPEG", "train/a/2.jpg", "train/b/1.png", "val/a/3.jpg"):
        (tmp_path / "images" / name).parent.mkdir(parents=True, exist_ok=True)
        image = Image.fromarray(numbered_frame(len(name), 64, 96))
        image.save(tmp_path / "images" / name)
    cut(tmp_path / "images/train/a/2.jpg", 0.97)
    records = tmp_path / "records"
    flags = (f"--videos={tmp_path / 'images'}", f"--output={records}", "--workers=1")
    result = prepare(*flags, "--short_side=32")
    assert result.returncode == 0, result.stderr
    assert "4 clips of 2 classes" in result.stdout and "Each clip is one image" in result.stdout
    assert "left out: train/a/2.jpg: it is damaged" in result.stdout
    found = read_records(str(records))
    assert {name: (record.split, record.label) for name, record in found.items()} == {
        "train/a/1.JPEG": ("train", "a"), "train/b/1.png": ("train", "b"),
        "val/a/3.jpg": ("val", "a"),
    }  # fmt: skip
    for name, record in found.items():
        assert record.frames.shape == (1, 32, 48, 3)
        assert frame_numbers(record.frames).tolist() == [len(name)]


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
    assert "left out: down/missing.mp4: the file does not exist" in result.stdout
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
    missing = "Missing: 2 clips that the annotations list, such as clap/3.avi, wave/3.avi"
    assert missing in result.stdout
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
        (("--split=2", "--tasks=a,b"), "--tasks must come with a list"),
        (("--dataset=list", "--split=2"), "--split must come with a dataset"),
        (("--beam_options=--runner=X",), "--beam_options must come with --runner=beam"),
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
    assert "2 clips for `val`, none of which decodes" in result.stderr


@pytest.fixture(scope="module")
def noisy(tmp_path_factory):
    """Thirty clips that take a while; of either class one cannot be decoded."""
    folder = tmp_path_factory.mktemp("noisy")
    for name in "ab":
        for number in range(14):
            make_video(folder / name / f"{number}.mp4", 30, 128, 128, noise=True)
        (folder / name / "text.mp4").write_text("not a video")
    return folder


@pytest.fixture(scope="module")
def undisturbed(noisy, tmp_path_factory):
    records = tmp_path_factory.mktemp("undisturbed")
    listing = split_for_validation(list_video_folder(noisy), 0.2)
    write_records(listing, str(records), RecordSettings(clips_per_shard=2), workers=4)
    return contents(records)


def noisy_flags(videos, records):
    return f"--videos={videos}", f"--output={records}", "--clips_per_shard=2"


def test_run_killed_at_any_time_is_continued(noisy, undisturbed, tmp_path):
    records = tmp_path / "records"
    flags = (*noisy_flags(noisy, records), "--workers=1")
    process = subprocess.Popen(command(*flags), cwd=REPOSITORY, stdout=subprocess.DEVNULL)
    wait_for(lambda: list(records.glob("*.finished.json")))
    time.sleep(random.uniform(0, 0.5))
    workers = children(process.pid)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (records / "dataset_info.json").exists()
    shards = [
        path.with_name(path.name.replace(".finished.json", ".tfrecord"))
        for path in records.glob("*.finished.json")
    ]
    before = {path: path.stat() for path in shards}
    wait_for(lambda: not any(map(is_running, workers)))

    result = prepare(*flags)
    assert result.returncode == 0, result.stderr
    assert f"Continuing: {len(shards)} of " in result.stdout
    assert "left out: a/text.mp4: no video format" in result.stdout
    assert contents(records) == undisturbed
    for path, stat in before.items():
        after = path.stat()
        assert (after.st_ino, after.st_mtime_ns) == (stat.st_ino, stat.st_mtime_ns)


def test_killed_worker_is_noticed_and_costs_no_clip(noisy, undisturbed, tmp_path):
    records = tmp_path / "records"
    flags = (*noisy_flags(noisy, records), "--workers=2")
    process = subprocess.Popen(
        command(*flags),
        cwd=REPOSITORY,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(lambda: list(records.glob("*.finished.json")))
    worker = next(child for child in children(process.pid) if is_decoding(child))
    os.kill(worker, signal.SIGKILL)
    _, stderr = process.communicate(timeout=300)
    assert process.returncode == 0, stderr
    assert "A decoding process died" in stderr
    assert contents(records) == undisturbed


def test_decoding_processes_do_without_tensorflow():
    code = "import sys; sys.modules['tensorflow'] = None; import trainers.prepare"
    environment = os.environ | {decoding_process._MARK: "1"}
    subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, env=environment, check=True)


def test_interrupted_run_is_not_continued_with_other_settings(noisy, tmp_path):
    listing = split_for_validation(list_video_folder(noisy), 0.2)
    RecordPlan.of(listing, RecordSettings()).save(str(tmp_path))
    result = prepare(f"--videos={noisy}", f"--output={tmp_path}", "--short_side=64")
    assert result.returncode == 1 and "Traceback" not in result.stderr
    assert (
        "short_side: 256 in the folder, 64 now" in result.stderr and "--overwrite" in result.stderr
    )


def wait_for(condition):
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def children(pid):
    lists = pathlib.Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for path in lists for child in path.read_text().split()]


def is_running(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def is_decoding(pid):
    command_line = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
    return b"spawn_main" in command_line


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
