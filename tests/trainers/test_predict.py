import json
import os
import pathlib
import subprocess
import sys

import pytest

from tests import exhaustive
from tests.data.video.hostile_clips import gif, make_titled_video, playlists
from tests.data.video_maker import REAL_VIDEOS, cut, make_audio, make_video
from tests.trainers.conftest import run

STRANGER = pathlib.Path(__file__).parents[1] / "export" / "stranger.py"


def results(*flags, check=True):
    process = run("predict", "--json", *flags, check=check)
    return [json.loads(line) for line in process.stdout.splitlines()], process


def test_workdir_and_export_agree(trained, exported, clips):
    video = next((clips / "val" / "growing").iterdir())
    (ours,), _ = results(f"--model={trained}", video)
    (theirs,), _ = results(f"--model={exported}", video)
    assert [name for name, _ in ours["top"]] == [name for name, _ in theirs["top"]]
    for (_, one), (_, other) in zip(ours["top"], theirs["top"], strict=True):
        assert one == pytest.approx(other, abs=1e-4)
    assert len(ours["top"]) == 5


@exhaustive.MARK
def test_the_export_gives_the_same_top_five_to_plain_tensorflow(exported, clips, tmp_path):
    """The clip is made with PyAV and Pillow, from what `preprocessing.json` says."""
    video = next((clips / "val" / "moving_up").iterdir())
    (ours,), _ = results(f"--model={exported}", video)
    recipe = exported / "assets" / "preprocessing.json"
    subprocess.run([sys.executable, STRANGER, recipe, video, tmp_path / "clip.npy"], check=True)
    program = (
        "import sys, numpy, tensorflow as tf\n"
        "serve = tf.saved_model.load(sys.argv[1]).signatures['serving_default']\n"
        "row = serve(clip=tf.constant(numpy.load(sys.argv[2])))['probabilities'].numpy()[0]\n"
        "names = open(sys.argv[1] + '/assets/labels.txt').read().splitlines()\n"
        "assert 'gsf_tf' not in sys.modules\n"
        "print('\\n'.join(names[i] for i in numpy.argsort(-row)[:5]))\n"
    )
    process = subprocess.run(
        [sys.executable, "-c", program, str(exported), str(tmp_path / "clip.npy")],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    assert process.stdout.split() == [name for name, _ in ours["top"]]


def test_every_kind_of_file(exported, tmp_path):
    """Good files give a result, bad ones a line that says why, in one call."""
    few = make_video(tmp_path / "two_frames.mp4", num_frames=2)
    portrait = make_video(tmp_path / "portrait.mp4", height=96, width=64)
    truncated = cut(make_video(tmp_path / "truncated.mp4", 20, noise=True), 0.5)
    text = tmp_path / "text.mp4"
    text.write_text("not a video\n" * 100)
    audio = make_audio(tmp_path / "audio.mp4")
    empty = tmp_path / "empty.mp4"
    empty.touch()
    missing = tmp_path / "missing.mp4"
    videos = [few, portrait, truncated, text, audio, empty, missing]
    lines, process = results(f"--model={exported}", *videos, check=False)
    assert process.returncode == 1 and "Traceback" not in process.stderr
    assert [line["video"] for line in lines] == [str(video) for video in videos]
    assert [sorted(line) for line in lines] == [["top", "video"]] * 2 + [["error", "video"]] * 5
    for line in lines[2:]:
        assert line["video"] in line["error"]


def test_hostile_files_are_named_and_the_others_go_on(exported, tmp_path):
    titled = make_titled_video(tmp_path / "titled.mkv")
    titled.write_bytes(titled.read_bytes().replace(b"TITLE!", b"\xff" * 6))
    good = make_video(tmp_path / "\udcff \udc80.mp4", 4)
    expected = [(titled, None), (good, None)]
    for number, (name, text) in enumerate(playlists(good)):
        path = tmp_path / f"{number}.m3u8"
        path.write_text(text, errors="surrogateescape")
        expected.append((path, f"`{name}`"))
    os.mkfifo(tmp_path / "x.png")
    (tmp_path / "y.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(40))
    (tmp_path / "z.gif").write_bytes(gif(1000, 1000, 100))
    expected += [
        (tmp_path / "x.png", "it is a named pipe, not a regular file"),
        (tmp_path / "y.png", "neither a JPEG nor a PNG"),
        (tmp_path / "z.gif", "more than 9000000 pixels together"),
        (titled, None),
    ]
    flags = [f"--model={exported}", "--max_clip_pixels=9000000"]
    lines, process = results(*flags, *(path for path, _ in expected), check=False)
    assert process.returncode == 1 and "Traceback" not in process.stderr
    assert len(lines) == len(expected)
    for line, (path, reason) in zip(lines, expected, strict=True):
        assert line["video"] == str(path)
        assert reason in line["error"] if reason else line["top"]
    plain = run("predict", f"--model={exported}", good)
    assert plain.stdout.startswith(f"{tmp_path}/\\udcff \\udc80.mp4\n")


@pytest.mark.parametrize("flag", ["--max_clip_pixels=0", "--max_clip_seconds=0"])
def test_limits_have_ranges(exported, flag):
    process = run("predict", f"--model={exported}", flag, "x.mp4", check=False)
    assert process.returncode == 1 and "Traceback" not in process.stderr
    assert flag.removeprefix("--").partition("=")[0] in process.stderr + process.stdout


@pytest.mark.skipif(not REAL_VIDEOS.is_dir(), reason="../shared/videos is not there")
def test_real_videos(exported):
    lines, process = results(f"--model={exported}", *sorted(REAL_VIDEOS.iterdir()), check=False)
    bad = [line for line in lines if "error" in line]
    assert len(lines) == 6 and len(bad) == 1 and process.returncode == 1
    assert "corrupted.mp4" in bad[0]["error"] and "28" in bad[0]["error"]


def test_text_output(exported, clips):
    video = next((clips / "val" / "growing").iterdir())
    output = run("predict", f"--model={exported}", "--top=2", video).stdout.splitlines()
    assert output[0] == str(video) and len(output) == 3 and "%" in output[1]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--model=nowhere", "x.mp4"], "does not exist"),
        (["--model=tests", "x.mp4"], "has neither"),
        (["--model=nowhere"], "at least one video"),
    ],
)
def test_bad_arguments(flags, message):
    process = run("predict", *flags, check=False)
    assert process.returncode == 1
    assert message in process.stderr + process.stdout
    assert "Traceback" not in process.stderr
