"""`gsf-tf try`: the answers and limits of its server, and the command from its start to Ctrl-C."""

import base64
import concurrent.futures
import contextlib
import io
import json
import pathlib
import signal
import socket
import threading
import time
import urllib.request

import av
import keras
import numpy as np
import psutil
import pytest
from PIL import Image
from werkzeug.serving import make_server

from gsf_tf.analysis import class_activation, gate_model
from gsf_tf.data import frames_to_clip
from gsf_tf.errors import UserError
from gsf_tf.evaluation import Predictor
from tests import exhaustive, program_forks
from tests.data.video_maker import cut, make_video
from tests.trainers.conftest import run
from tests.trainers.try_models import SEGMENTS, SIDE, small_predictor, tried
from trainers.tried_model import _both_halves
from trainers.try_server import BODY, MEGABYTE, TryServer, _Handler, make_app

LIMIT = 120  # Seconds for any step of the command, on a machine with other work.
NAMES = {"gsf_resnet14thin": ["a", "b", "c"], "tsn_resnet14thin": ["<i>x</i>", "ö", "日本", "w"]}


@pytest.fixture(scope="module")
def predictors():
    return {preset: small_predictor(preset, names) for preset, names in NAMES.items()}


@pytest.fixture(scope="module")
def gsf(predictors):
    return predictors["gsf_resnet14thin"]


@pytest.fixture(scope="module")
def tsn(predictors):
    return predictors["tsn_resnet14thin"]


@pytest.fixture(scope="module")
def models(predictors):
    return [tried(predictor) for predictor in predictors.values()]


@pytest.fixture
def folder(tmp_path):
    """Where files are uploaded to."""
    path = tmp_path / "uploads"
    path.mkdir()
    return path


@pytest.fixture
def client(models, folder):
    return make_app(models, 1, str(folder)).test_client()


@pytest.fixture
def video(tmp_path):
    return make_video(tmp_path / "growing.mp4", 12, 64, 64)


def send(client, path, name=None):
    query = {"name": name or path.name}
    headers = {"Content-Type": BODY}
    return client.post("/clips", query_string=query, headers=headers, data=path.read_bytes())


def events(response):
    assert response.status_code == 200
    return [json.loads(line) for line in response.text.splitlines()]


def picture(address):
    kind, _, data = address.partition(";base64,")
    assert kind == "data:image/jpeg"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


# ---- Answers -------------------------------------------------------------------------------------


def test_answers_are_those_of_predict(client, predictors, video, folder):
    answers = events(send(client, video))
    assert [answer["model"] for answer in answers] == [0, 0, 1, 1]
    for predictor, answer in zip(predictors.values(), answers[::2], strict=True):
        expected = predictor.top(video, 5)
        assert [name for name, _ in answer["top"]] == [name for name, _ in expected]
        assert [p for _, p in answer["top"]] == pytest.approx([p for _, p in expected])
        clip = frames_to_clip(video, SEGMENTS, (SIDE, SIDE), short_side=predictor.short_side)
        frames = np.stack([picture(frame) for frame in answer["frames"]])
        times = frames.shape[1] // SIDE
        assert times > 1
        middle = frames[:, times // 2 :: times, times // 2 :: times]
        assert np.abs(middle.astype(int) - clip).mean() < 6
        assert min(answer["seconds"].values()) > 0
    assert list(folder.iterdir()) == []


def test_maps_are_those_of_the_analysis(client, gsf, tsn, video):
    answer, of_gsf, _, of_tsn = events(send(client, video))
    titles = [shown["title"] for shown in of_gsf["maps"]]
    layers = list(gate_model(gsf.model.network).output)
    assert len(layers) == 4  # Of which three are shown, with two halves each.
    assert titles[0] == f"What speaks for {answer['top'][0][0]}"
    assert titles[1:3] == [
        f"Gates of {layers[0]} (reads the next frame)",
        f"Gates of {layers[0]} (reads the previous frame)",
    ]
    assert len(titles) == 7 and titles[-1].startswith(f"Gates of {layers[-1]} ")
    assert of_gsf["notes"] == []
    assert all(len(shown["frames"]) == SEGMENTS for shown in of_gsf["maps"])
    assert [shown["kind"] for shown in of_tsn["maps"]] == ["activation"]
    assert "no layers that learn a gate" in " ".join(of_tsn["notes"])
    # The brightest place of the pictures is the strongest of the map.
    clip = frames_to_clip(video, SEGMENTS, (SIDE, SIDE), short_side=36)[None]
    (values,) = class_activation(tsn.model.network, clip, relative=True)
    shown = np.stack([picture(frame) for frame in of_tsn["maps"][0]["frames"]])
    assert values.max() > 0
    brightness = shown.reshape(*values.shape[:1], -1, 3).mean(axis=(1, 2))
    assert brightness.argmax() == values.clip(0).mean(axis=(1, 2)).argmax()
    data = base64.b64decode(of_tsn["video"].removeprefix("data:video/mp4;base64,"))
    with av.open(io.BytesIO(data)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    height, width = shown.shape[1:3]
    assert np.shape(frames) == (SEGMENTS, height, 2 * width, 3)


def test_both_halves_of_a_layer_have_one_scale():
    clip = np.full((2, 8, 8, 3), 128, np.uint8)
    gates = keras.ops.ones((2, 4, 4, 2)) * [0.2, -1.0]
    weak, strong = (
        shown[..., 0] - shown[..., 2].astype(int) for shown in _both_halves(clip, gates)
    )
    assert weak.shape == clip.shape[:3]
    assert 0 < weak.min() and strong.max() < 0  # Red and blue.
    assert weak.max() < -strong.max() / 4


def test_a_model_without_segments_says_so(tsn, folder, video):
    network = tsn.model.network
    other = keras.Model(network.input, network.output, name="other")
    one = tried(Predictor(other, tsn.labels), top=2)
    answer, maps = events(send(make_app([one], 1, str(folder)).test_client(), video))
    assert len(answer["top"]) == 2 and maps["maps"] == [] and maps["video"] is None
    assert "they need a SegmentModel, and it is a Functional" in maps["notes"][0]


@exhaustive.MARK
def test_an_export_says_that_it_has_no_layers(exported, folder, clips):
    clip = next((clips / "val" / "growing").iterdir())
    predictor = Predictor(exported)
    client = make_app([tried(predictor)], 1, str(folder)).test_client()
    answer, maps = events(send(client, clip))
    assert [name for name, _ in answer["top"]] == [name for name, _ in predictor.top(clip)]
    assert maps["maps"] == [] and "do not apply to an export" in maps["notes"][0]


def test_a_damaged_file_gives_the_sentence_of_predict(client, gsf, tmp_path, folder):
    damaged = cut(make_video(tmp_path / "dam aged.mp4", 20, noise=True), 0.5)
    (answer,) = events(send(client, damaged))
    (row,) = gsf.predict([str(damaged)])
    assert answer == {"error": str(row.error).replace(str(damaged), damaged.name)}
    assert "decode to its last frame" in answer["error"]
    empty = tmp_path / "empty.webm"
    empty.touch()
    (answer,) = events(send(client, empty))
    assert "path='empty.webm'" in answer["error"]
    playlist = tmp_path / "list.m3u8"
    playlist.write_text("#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n")
    (answer,) = events(send(client, playlist, name="../../x.m3u8"))
    assert "`hls`" in answer["error"]
    assert list(folder.iterdir()) == []


def test_weights_that_are_no_numbers_are_the_error_of_their_model(models, folder, video):
    broken = small_predictor("tsn_resnet14thin", ["a", "b"])
    broken.model.network.get_layer("classifier").bias.assign([0.0, np.nan])
    client = make_app([tried(broken), models[1]], 1, str(folder)).test_client()
    error, *others = events(send(client, video))
    assert error["model"] == 0 and "Logits must be finite" in error["error"]
    assert [answer["model"] for answer in others] == [1, 1] and others[0]["top"]


# ---- Limits --------------------------------------------------------------------------------------


def test_a_file_that_is_too_large_is_refused(client, folder):
    headers = {"Content-Type": BODY}
    response = client.post("/clips", headers=headers, data=bytes(MEGABYTE + 1))
    assert response.status_code == 413
    # The length is not known before the end is there.
    stream = io.BytesIO(bytes(2 * MEGABYTE))
    environment = {"wsgi.input_terminated": True}
    response = client.post(
        "/clips", headers=headers, input_stream=stream, environ_overrides=environment
    )
    assert response.status_code == 413 and stream.tell() < 2 * MEGABYTE
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("kind", [None, "text/plain", "multipart/form-data; boundary=x"])
def test_a_body_that_other_pages_can_send_is_refused(client, kind):
    response = client.post("/clips", data=b"x", headers={"Content-Type": kind} if kind else {})
    assert (
        response.status_code == 415 and "must be sent as application/octet-stream" in response.text
    )


def test_names_that_others_chose_for_this_machine_are_refused(client):
    for host in ("evil.example", "localhost.evil.example:80", "[::1", "", "127.0.0.1.evil.example"):
        response = client.get("/models", headers={"Host": host})
        assert response.status_code == 403, host
        assert "Open the address that gsf-tf try has printed" in response.text
    for host in ("localhost", "127.0.0.1:7860", "[::1]:7860", "192.168.1.7", socket.gethostname()):
        assert client.get("/models", headers={"Host": host}).status_code == 200, host


def test_the_page_may_load_nothing_from_elsewhere(client):
    page = client.get("/")
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "http" not in policy
    files = pathlib.Path("trainers/try_page").iterdir()
    for file in files:
        assert "//" not in file.read_text().replace("// ", "").replace("https. ", ""), file
    for file in ("page/needs.js", "page/page.js", "page/page.css"):
        assert client.get(file).status_code == 200 and file in page.text
    assert client.get("/page/../try_server.py").status_code == 404


def test_files_are_deleted_when_the_reader_leaves(client, folder, video):
    response = client.post(
        "/clips", headers={"Content-Type": BODY}, data=video.read_bytes(), buffered=False
    )
    assert len(list(folder.iterdir())) == 1
    first = next(response.response)
    assert b'"top"' in first
    response.close()
    assert list(folder.iterdir()) == []
    # The next clip does not wait for the one that was left.
    assert len(events(send(client, video))) == 4


def test_no_model_begins_with_a_clip_after_the_end(models, folder, video):
    ended = threading.Event()
    client = make_app(models, 1, str(folder), ended=ended).test_client()
    headers = {"Content-Type": BODY}
    in_work = client.post("/clips", headers=headers, data=video.read_bytes(), buffered=False)
    lines = [next(in_work.response)]
    with concurrent.futures.ThreadPoolExecutor() as threads:
        waiting = threads.submit(lambda: events(send(client, video)))
        ended.set()
        first, maps, end = map(json.loads, lines + list(in_work.response))
        assert (first["model"], maps["model"]) == (0, 0)
        assert list(end) == ["error"] and "Start gsf-tf try again" in end["error"]
        assert waiting.result(LIMIT) == [end]
    in_work.close()
    assert list(folder.iterdir()) == []


def test_a_silent_client_is_given_up_without_a_word(models, folder, monkeypatch, caplog):
    monkeypatch.setattr(_Handler, "timeout", 0.1)
    app = make_app(models, 1, str(folder))
    with make_server("127.0.0.1", 0, app, request_handler=_Handler) as server:
        with socket.create_connection(("127.0.0.1", server.server_port)) as silent:
            server.handle_request()
            assert silent.recv(1) == b""
    assert caplog.records == []


def test_addresses_that_cannot_be_served():
    with TryServer("127.0.0.1", 0, 1) as server:
        assert server.warning is None
        port = int(server.address.rstrip("/").rpartition(":")[2])
        with pytest.raises(UserError, match=f"port={port} .*in use"):
            TryServer("127.0.0.1", port, 1)
    with TryServer("127.0.0.1", port, 1):  # It was given back.
        pass
    with pytest.raises(UserError, match="`host` must be an address of this machine"):
        TryServer("192.0.2.1", 0, 1)
    with TryServer("0.0.0.0", 0, 1) as server:
        assert "Everybody who reaches 0.0.0.0" in server.warning
        assert server.address.startswith("http://localhost:")


# ---- The command ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "--model must name a model"),
        (["--model=a,,b"], "--model must name a model"),
        (["--model=a", "clip.mp4"], "gsf-tf predict takes files"),
        (["--model=a,b,c", "--labels=x,y"], "2 files for 3 models"),
        (["--model=nowhere", "--port=0"], "does not exist"),
        (["--model=nowhere", "--port=0", "--max_clip_seconds=0"], "`max_clip_seconds` is the flag"),
    ],
)
def test_bad_arguments(flags, message):
    process = run("try_clips", *flags, check=False)
    assert process.returncode == 1 and "Traceback" not in process.stderr
    assert message in process.stderr


def test_the_command_from_start_to_ctrl_c(predictors, tmp_path, video):
    """Each model has its own names; an upload that is there when Ctrl-C comes is deleted."""
    for preset, predictor in predictors.items():
        predictor.model.network.save(tmp_path / f"{preset}.keras")
        (tmp_path / f"{preset}.txt").write_text("\n".join(NAMES[preset]) + "\n")
    flags = [
        "--model=" + ",".join(str(tmp_path / f"{preset}.keras") for preset in predictors),
        "--labels=" + ",".join(str(tmp_path / f"{preset}.txt") for preset in predictors),
        "--top=2",
    ]
    with running("try_clips", *flags) as (address, process, result):
        with urllib.request.urlopen(f"{address}models", timeout=LIMIT) as response:
            about = json.load(response)
        assert [model["name"] for model in about["models"]] == [f"{p}.keras" for p in predictors]
        assert about["models"][1]["detail"] == "4 frames of 32 x 32 pixels, 4 classes"
        request = urllib.request.Request(
            f"{address}clips?name=a.mp4", video.read_bytes(), {"Content-Type": BODY}
        )
        with urllib.request.urlopen(request, timeout=LIMIT) as response:
            lines = [json.loads(line) for line in response]
        for predictor, answer in zip(predictors.values(), lines[::2], strict=True):
            expected = predictor.top(video, 2)
            assert [name for name, _ in answer["top"]] == [name for name, _ in expected]
        # An upload that never ends does not keep the command from ending.
        waiting = socket.create_connection(("127.0.0.1", int(address[:-1].rpartition(":")[2])))
        head = f"POST /clips HTTP/1.1\r\nHost: localhost\r\nContent-Type: {BODY}\r\n"
        waiting.sendall(f"{head}Content-Length: 1000\r\n\r\nhalf".encode())
        wait_for(lambda: uploads(process))
        (file,) = uploads(process)
        process.send_signal(signal.SIGINT)
    waiting.close()
    assert not pathlib.Path(file).parent.exists()
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == "Ended." and result.stderr == ""


@contextlib.contextmanager
def running(program, *flags):
    """Runs a program that serves a page; gives its address, its process and, later, its end."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    result = type("Result", (), {})()

    def follow():
        result.__dict__.update(vars(run(program, *flags, f"--port={port}", check=False)))

    thread = threading.Thread(target=follow)
    thread.start()
    address = f"http://127.0.0.1:{port}/"
    try:
        wait_for(lambda: not thread.is_alive() or answers(address))
        assert thread.is_alive(), result.stderr
        (process,) = psutil.Process(program_forks._server().pid).children()
        yield address, process, result
        thread.join(LIMIT)
        assert not thread.is_alive()
    finally:
        while thread.is_alive():  # Something failed, and the fork server waits for the command.
            for child in psutil.Process(program_forks._server().pid).children():
                child.kill()
            thread.join(0.1)


def wait_for(condition):
    end = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def answers(address):
    with contextlib.suppress(OSError):
        return urllib.request.urlopen(f"{address}models", timeout=1).status == 200
    return False


def uploads(process):
    """Returns the files that a program keeps open in its folder of uploads."""
    return [file.path for file in process.open_files() if "gsf_tf_try_" in file.path]
