"""Published files: downloaded from a server on this machine, verified, cached, used."""

import dataclasses
import hashlib
import os
import pathlib
import socket
import tempfile
import threading
import urllib.request

import numpy as np
import pytest

import gsf_tf
from gsf_tf.errors import CheckpointError, UserError
from gsf_tf.files import published_file
from gsf_tf.weights import WeightFile
from gsf_tf.weights.imagenet_files import IMAGENET_FILES
from gsf_tf.weights.imagenet_sources import SOURCES, imagenet_file
from gsf_tf.weights.torch_names import backbone_variables
from gsf_tf.weights.write_torch_file import write_torch_file
from tests.exhaustive import cases
from tests.weights.file_server import FileServer

CONTENT = bytes(range(256)) * 1000
NOBODY = 65534
DOCS = pathlib.Path(__file__).parents[2] / "docs" / "checkpoints.md"


@pytest.fixture
def server():
    with FileServer().running() as server:
        yield server


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return tmp_path / "keras" / "gsf_tf"


@pytest.fixture
def file(server, cache):
    server.files["net-1.pth"] = CONTENT
    digest = hashlib.sha256(CONTENT).hexdigest()
    return WeightFile(f"{server.url}/models/net-1.pth", digest, "MIT", "a test")


def advice(file):
    """What every error says: the address, and where the file belongs."""
    return rf"^{file.url} must be.*Download it in another way and put it at {file.cached}\."


def test_a_file_is_downloaded_once(file, server, cache):
    assert file.cached == cache / "net-1.pth" and not file.cached.exists()
    assert file.path() == file.cached and file.cached.read_bytes() == CONTENT
    assert list(cache.iterdir()) == [file.cached]
    server.stop()
    assert file.path() == file.cached
    assert server.requests == ["/models/net-1.pth"]


@pytest.mark.parametrize("digits", [8, 17, 64])
def test_a_hash_may_be_its_first_digits(file, digits):
    dataclasses.replace(file, sha256=file.sha256[:digits]).path()
    other = dataclasses.replace(file, sha256="0" * digits)
    with pytest.raises(CheckpointError, match="^" + other.url):
        other.path()


@pytest.mark.parametrize("sha256", ["f37072f", "F37072FD", "f37072fg", "0" * 65])
def test_a_hash_is_hexadecimal(sha256):
    with pytest.raises(ValueError, match="8 to 64 lowercase hexadecimal digits. Received: sha256="):
        WeightFile("http://127.0.0.1/a.pth", sha256, "MIT", "a test")


def test_another_file_is_refused_and_not_kept(file, server, cache):
    server.files["net-1.pth"] = b"another file"
    received = hashlib.sha256(b"another file").hexdigest()
    with pytest.raises(CheckpointError, match=advice(file)) as caught:
        file.path()
    assert f"SHA-256 {file.sha256}). Received: another file, with the SHA-256 {received}" in str(
        caught.value
    )
    assert list(cache.iterdir()) == []


def test_a_download_that_breaks_off_is_done_again(file, server, cache):
    server.broken.add("net-1.pth")
    with pytest.raises(UserError, match=advice(file)) as caught:
        file.path()
    assert "got only 128000 out of 256000 bytes" in str(caught.value)
    assert list(cache.iterdir()) == []
    server.broken.clear()
    assert file.path().read_bytes() == CONTENT
    assert list(cache.iterdir()) == [file.cached]


def test_a_damaged_file_in_the_cache_is_downloaded_again(file, server, cache):
    cache.mkdir(parents=True)
    for damaged in (CONTENT[:100], b"", CONTENT[:-1] + b"x"):
        file.cached.write_bytes(damaged)
        assert file.path().read_bytes() == CONTENT
    assert len(server.requests) == 3
    server.stop()
    file.cached.write_bytes(b"damaged")
    with pytest.raises(UserError, match=advice(file)):
        file.path()


def test_a_file_that_was_put_there_by_hand_needs_no_network(file, server, cache):
    server.stop()
    with pytest.raises(UserError, match=advice(file)) as caught:
        file.path()
    assert "Received: no file ([Errno 111] Connection refused)" in str(caught.value)
    assert "\n" not in str(caught.value)
    pathlib.Path(str(caught.value).rpartition("put it at ")[2].rstrip(".")).write_bytes(CONTENT)
    assert file.path() == file.cached


def test_a_server_without_the_file(file, server):
    server.files.clear()
    with pytest.raises(UserError, match=advice(file)) as caught:
        file.path()
    assert "Received: HTTP Error 404: Not Found." in str(caught.value)


def test_a_proxy_is_asked(server, cache, monkeypatch):
    """Keras' downloads go through the proxies of the environment; here the server is one."""
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setattr(urllib.request, "_opener", None)  # It has the proxies of its first use.
    server.files["far.pth"] = CONTENT
    digest = hashlib.sha256(CONTENT).hexdigest()
    WeightFile("http://far.invalid/far.pth", digest, "MIT", "a test").path()
    assert server.requests == ["http://far.invalid/far.pth"]


def test_a_server_that_is_silent_is_not_awaited_forever(cache, monkeypatch):
    monkeypatch.setattr(published_file, "TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/a.pth"
        with pytest.raises(UserError, match=r"Received: no file \(timed out\)"):
            WeightFile(url, "0" * 8, "MIT", "a test").path()
    assert socket.getdefaulttimeout() is None


def test_several_at_the_same_time(file, server, cache):
    threads = [threading.Thread(target=file.path) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert file.cached.read_bytes() == CONTENT and list(cache.iterdir()) == [file.cached]
    assert len(server.requests) == 1 and socket.getdefaulttimeout() is None


# ---- A cache that cannot be written --------------------------------------------------------------


@pytest.fixture
def read_only(monkeypatch):
    """A cache that may be read only, for a user who is not root."""
    with tempfile.TemporaryDirectory() as folder:
        home = pathlib.Path(folder, "keras")
        (home / "gsf_tf").mkdir(parents=True)
        monkeypatch.setenv("KERAS_HOME", str(home))
        os.chmod(folder, 0o755)
        yield home / "gsf_tf"
        os.chmod(home / "gsf_tf", 0o755)


@pytest.fixture
def nobody():
    """The test's process has the rights of nobody; root may write everywhere."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    yield
    os.seteuid(0)


def test_a_read_only_cache(server, read_only, request):
    server.files["net-1.pth"] = CONTENT
    digest = hashlib.sha256(CONTENT).hexdigest()
    file = WeightFile(f"{server.url}/net-1.pth", digest, "MIT", "a test")
    present = dataclasses.replace(file, url=f"{server.url}/present.pth")
    present.cached.write_bytes(CONTENT)
    read_only.chmod(0o555)
    request.getfixturevalue("nobody")
    assert present.path() == read_only / "present.pth"
    with pytest.raises(UserError, match=advice(file)) as caught:
        file.path()
    assert "a cache that cannot be written ([Errno 13] Permission denied" in str(caught.value)
    assert "The environment variable KERAS_HOME names another cache." in str(caught.value)
    assert server.requests == []


def test_something_else_in_the_place_of_the_cache(file, cache):
    cache.parent.write_text("a file")
    with pytest.raises(UserError, match="a cache that cannot be written .*Not a directory"):
        file.path()


# ---- The published files -------------------------------------------------------------------------

BUILDERS = {
    "resnet18": gsf_tf.backbones.ResNet18,
    "resnet34": gsf_tf.backbones.ResNet34,
    "resnet50": gsf_tf.backbones.ResNet50,
    "resnet101": gsf_tf.backbones.ResNet101,
    "bninception": gsf_tf.backbones.BNInception,
    "inceptionv3": gsf_tf.backbones.InceptionV3,
}
HEADS = {"bninception": "last_linear", "inceptionv3": "top_cls_fc"}


def published(name):
    """Returns a state dictionary with the names and shapes of the published file."""
    backbone = BUILDERS[name](include_top=False)
    rng = np.random.default_rng(0)
    state = {}
    for key, variable in backbone_variables(backbone).items():
        value = rng.uniform(0.5, 1.5, variable.shape).astype("float32")
        is_caffe_vector = name in HEADS and "_bn." in key
        state[key] = value[None] if is_caffe_vector else value
    channels = backbone.output_shape[-1]
    head = HEADS.get(name, "fc")
    state[f"{head}.weight"] = np.zeros([1000, channels], "float32")
    state[f"{head}.bias"] = np.zeros([1000], "float32")
    return state


@pytest.mark.parametrize(
    "name", cases(IMAGENET_FILES, lambda name: name in ("resnet18", "bninception"))
)
def test_the_weights_of_every_backbone(name, server, cache, tmp_path, monkeypatch):
    entry, state = IMAGENET_FILES[name], published(name)
    write_torch_file(state, tmp_path / "twin.pth")
    server.files[entry.name] = (tmp_path / "twin.pth").read_bytes()
    digest = hashlib.sha256(server.files[entry.name]).hexdigest()
    near = dataclasses.replace(entry, url=f"{server.url}/{entry.name}", sha256=digest)
    monkeypatch.setitem(SOURCES, name, near)
    backbone = BUILDERS[name](include_top=False, weights="imagenet", name="mine")
    server.stop()
    for key, variable in backbone_variables(backbone).items():
        np.testing.assert_array_equal(variable.to_torch(), state[key].reshape(variable.shape))
    assert list(cache.iterdir()) == [cache / entry.name]

    monkeypatch.setitem(SOURCES, name, dataclasses.replace(near, sha256="0" * 64))
    with pytest.raises(UserError, match=f"must be the published file.*put it at .*{entry.name}"):
        imagenet_file(name)


def test_a_preset_with_its_weights(server, cache, tmp_path, monkeypatch):
    thin = gsf_tf.backbones.ResNet((1, 1, 1, 1), 16, include_top=False)
    state = {key: v.to_torch() for key, v in backbone_variables(thin).items()}
    write_torch_file(state, tmp_path / "thin.pth")
    server.files["thin.pth"] = (tmp_path / "thin.pth").read_bytes()
    digest = hashlib.sha256(server.files["thin.pth"]).hexdigest()
    near = WeightFile(f"{server.url}/thin.pth", digest, "MIT", "a test")
    monkeypatch.setitem(SOURCES, "resnet14thin", near)
    for method in ("tsn", "gsf"):
        model = gsf_tf.models.from_preset(
            f"{method}_resnet14thin", 3, 2, (32, 32, 3), weights="imagenet"
        )
        kernel = model.backbone.get_layer("layer1_0_conv1").kernel
        expected = state["layer1.0.conv1.weight"].transpose(2, 3, 1, 0)
        np.testing.assert_array_equal(kernel, expected)
    assert server.requests == ["/thin.pth"]


@pytest.mark.parametrize("name", IMAGENET_FILES)
def test_the_table(name):
    """The digits in the name of a file are those of its SHA-256, as PyTorch's convention has it."""
    file = IMAGENET_FILES[name]
    digits = file.name.removesuffix(".pth").rpartition("-")[2]
    assert len(digits) >= 8 and file.sha256.startswith(digits)
    assert file.title and file.license and file.url.startswith("http")
    assert name in BUILDERS and SOURCES[name] is file
    row = f"| `{name}` | [{file.name}]({file.url}) | `{file.sha256}`"
    (line,) = [line for line in DOCS.read_text().splitlines() if line.startswith(row)]
    publisher = file.title.removesuffix("'s `.pth`")
    assert line.endswith(f"| {publisher} | {file.license} |")
