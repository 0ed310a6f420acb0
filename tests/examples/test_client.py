"""The client of a served model asks an export, which plain TensorFlow runs, for a real video."""

import json
import pathlib
import re
import runpy
import subprocess
import sys

import av
import numpy as np
import pytest
import tensorflow as tf

from gsf_tf.data import LabelMap, frames_to_clip
from gsf_tf.data.demo_clips import render_clip, write_video
from gsf_tf.data.pipeline.sampling import test_segment_indices as segment_indices
from gsf_tf.evaluation import Predictor
from gsf_tf.export import export_saved_model
from gsf_tf.models import from_preset
from tests import exhaustive
from tests.data.video_maker import make_video

CLIENT = pathlib.Path(__file__).parents[2] / "examples" / "serving" / "client.py"
SERVING_PROCESS = pathlib.Path(__file__).with_name("serving_process.py")
LABELS = LabelMap(["down", "left", "right", "still", "turn", "up"])


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    """A SavedModel whose probabilities differ from class to class."""
    path = tmp_path_factory.mktemp("export") / "1"
    model = from_preset(
        "gsf_resnet14thin", num_classes=len(LABELS.names), num_segments=4, input_shape=(32, 32, 3)
    )
    kernel = model.get_layer("classifier").kernel
    kernel.assign(np.random.default_rng(0).normal(size=kernel.shape))
    export_saved_model(model, LABELS, path, short_side=48)
    return path


@pytest.fixture(scope="module")
def ports(export):
    """Of REST and gRPC, the latter 0 where its package is not installed."""
    command = [sys.executable, SERVING_PROCESS, export, "moves"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as process:
        yield tuple(map(int, process.stdout.readline().split()))
        process.stdin.close()
        assert process.wait() == 0


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    path = tmp_path_factory.mktemp("video") / "clip.mp4"
    write_video(path, render_clip("moving_left", np.random.default_rng(0)))
    return path


def ask(export, video, *flags):
    command = [sys.executable, CLIENT, f"--assets={export}/assets", *flags, video]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.fixture(scope="module")
def expected(export, video):
    """What the export gives for the client's clip: the five most probable names and percents."""
    preprocessing = json.loads((export / "assets" / "preprocessing.json").read_text())
    clip = runpy.run_path(str(CLIENT))["make_clip"](str(video), preprocessing)
    serve = tf.saved_model.load(str(export)).signatures["serving_default"]
    probabilities = serve(clip=tf.constant(clip[None]))["probabilities"].numpy()[0]
    best = most_probable(probabilities)
    assert best[0][0] == Predictor(export).top(video)[0][0]
    return best


def most_probable(probabilities):
    """Returns the five names with their percents."""
    return [(LABELS.names[i], 100 * probabilities[i]) for i in np.argsort(-probabilities)[:5]]


def assert_printed(process, expected):
    assert process.returncode == 0, process.stderr
    lines = [re.fullmatch(r" *([0-9.]+)%  (\w+)", line) for line in process.stdout.splitlines()]
    assert [line[2] for line in lines] == [name for name, _ in expected]
    # A tenth of a percent is what the client prints.
    printed = [float(line[1]) for line in lines]
    np.testing.assert_allclose(printed, [percent for _, percent in expected], atol=0.06)


def test_rest_gives_what_the_model_gives(export, ports, video, expected):
    address = f"--rest=http://localhost:{ports[0]}"
    assert_printed(ask(export, video, address, "--model=moves"), expected)


@pytest.mark.parametrize("way", exhaustive.cases(["rest", "grpc"], "rest".__eq__))
def test_jpeg_files_give_what_the_model_gives_for_them(export, ports, video, way):
    if way == "grpc":
        pytest.importorskip("tensorflow_serving", reason="tensorflow-serving-api is not installed")
    preprocessing = json.loads((export / "assets" / "preprocessing.json").read_text())
    files = runpy.run_path(str(CLIENT))["make_jpegs"](str(video), preprocessing)
    serve = tf.saved_model.load(str(export)).signatures["serve_jpeg"]
    probabilities = serve(jpeg=tf.constant([list(files)]))["probabilities"].numpy()[0]
    address = f"http://localhost:{ports[0]}" if way == "rest" else f"localhost:{ports[1]}"
    process = ask(export, video, f"--{way}={address}", "--model=moves", "--jpeg")
    assert_printed(process, most_probable(probabilities))


def test_grpc_gives_what_the_model_gives(export, ports, video, expected):
    pytest.importorskip("tensorflow_serving", reason="tensorflow-serving-api is not installed")
    address = f"--grpc=localhost:{ports[1]}"
    assert_printed(ask(export, video, address, "--model=moves"), expected)


def test_an_unknown_model_is_the_servers_answer(export, ports, video):
    process = ask(export, video, f"--rest=http://localhost:{ports[0]}", "--model=other")
    assert process.returncode == 1
    assert "refused the request" in process.stderr and "models/other:predict" in process.stderr


def test_no_server(export, video):
    process = ask(export, video, "--rest=http://localhost:1")
    assert process.returncode == 1 and "No server answers at http://localhost:1" in process.stderr


@pytest.mark.parametrize("sampling", [("segments", None), ("dense", None), ("dense", 3)])
@pytest.mark.parametrize(
    ("num_frames", "height", "width", "turn"),
    [
        (30, 112, 84, None),
        (3, 84, 112, None),
        (40, 100, 60, (0, 1, -1, 0)),
        (10, 50, 70, (-1, 0, 0, -1)),
    ],
)
def test_the_clip_is_that_of_gsf_tf(tmp_path, sampling, num_frames, height, width, turn):
    path = make_video(tmp_path / "a.mp4", num_frames, height, width, display_matrix=turn)
    sampling, frame_stride = sampling
    preprocessing = {
        "short_side": 72,
        "num_segments": 4,
        "sampling": sampling,
        "frame_stride": frame_stride,
        "image_size": [48, 64],
    }
    expected = frames_to_clip(
        path, 4, (48, 64), short_side=72, sampling=sampling, frame_stride=frame_stride
    )
    clip = runpy.run_path(str(CLIENT))["make_clip"](str(path), preprocessing)
    assert clip.shape == expected.shape and clip.dtype == expected.dtype
    # Pillow blends in fixed point, TensorFlow in float32.
    assert np.abs(clip.astype(int) - expected).max() <= 1
    assert np.ptp(expected) > 100


def test_frames_of_seven_segments():
    """The double of a middle is often just below an integer, and the order of operations counts."""
    frame_indices = runpy.run_path(str(CLIENT))["frame_indices"]
    preprocessing = {"num_segments": 7, "sampling": "segments"}
    for frames in range(1, 150):
        assert frame_indices(frames, preprocessing) == segment_indices(frames, 7).numpy().tolist()


def test_the_export_says_what_the_client_reads(export):
    preprocessing = json.loads((export / "assets" / "preprocessing.json").read_text())
    assert {"short_side", "num_segments", "sampling", "image_size"} <= preprocessing.keys()


def test_a_playlist_opens_no_other_video(video, tmp_path):
    path = tmp_path / "a.mp4"
    path.write_text(f"ffconcat version 1.0\nfile '{video}'\n")
    with pytest.raises(av.error.ArgumentError):
        runpy.run_path(str(CLIENT))["count_frames"](str(path))


@pytest.mark.parametrize("name", ["12:30.mp4", "concat:a.mp4", "%03d.mp4"])
def test_names_are_no_addresses(tmp_path, monkeypatch, name):
    make_video(tmp_path / name, 5)
    monkeypatch.chdir(tmp_path)
    assert runpy.run_path(str(CLIENT))["count_frames"](name) == 5
