import json
import subprocess
import sys

import pytest

from tests.data.video_maker import REAL_VIDEOS, cut, make_audio, make_video
from tests.trainers.conftest import run


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


def test_the_export_gives_the_same_top_five_to_plain_tensorflow(exported, clips, tmp_path):
    """The clip is made with gsf_tf; the process that runs the model has TensorFlow only."""
    import numpy as np

    from gsf_tf.data import frames_to_clip

    video = next((clips / "val" / "moving_up").iterdir())
    (ours,), _ = results(f"--model={exported}", video)
    np.save(tmp_path / "clip.npy", frames_to_clip(video, 4, (32, 32))[None])
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
