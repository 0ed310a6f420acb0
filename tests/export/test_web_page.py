"""The folder of the static page: libraries that are what they were published as, and nothing else.

What the page does in a browser is tested in tests/browser.
"""

import base64
import hashlib
import io
import tarfile

import keras
import numpy as np
import pytest

from gsf_tf.errors import UserError
from gsf_tf.export import ExportError, export_web_page, web_page
from gsf_tf.export.page_libraries import NpmPackage
from tests.export.small_models import LABELS
from tests.weights.file_server import FileServer

MEMBERS = {"dist/index.js": "tools/index.js"}


def archive(**members):
    """Returns a `.tgz` as npm packs it."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as tar:
        for name, text in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text))
    return content.getvalue()


def package(content):
    integrity = base64.b64encode(hashlib.sha512(content).digest()).decode()
    return NpmPackage("@some/tools", "1.2.3", integrity, MEMBERS)


@pytest.fixture
def registry(tmp_path, monkeypatch):
    """A registry on this machine, which npm's variable names, and an empty cache."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    with FileServer().running() as server:
        monkeypatch.setenv("NPM_CONFIG_REGISTRY", f"{server.url}/npm/")
        yield server


def test_only_listed_members_are_taken(registry, tmp_path):
    content = archive(**{
        "package/dist/index.js": b"export {};",
        "package/dist/other.js": b"not listed",
        "../../outside.js": b"outside",
    })  # fmt: skip
    registry.files["tools-1.2.3.tgz"] = content
    package(content).unpack(tmp_path / "page" / "libraries")
    assert registry.requests == ["/npm/@some/tools/-/tools-1.2.3.tgz"]
    files = [p for p in (tmp_path / "page").rglob("*") if p.is_file()]
    assert files == [tmp_path / "page/libraries/tools/index.js"]
    assert files[0].read_bytes() == b"export {};"
    assert not list(tmp_path.rglob("outside.js"))


def test_another_archive_is_refused(registry, tmp_path):
    registry.files["tools-1.2.3.tgz"] = archive(**{"package/dist/index.js": b"alert(1);"})
    expected = package(archive(**{"package/dist/index.js": b"export {};"}))
    with pytest.raises(UserError, match="must be the published file .SHA-512 .*another file"):
        expected.unpack(tmp_path / "libraries")
    assert not (tmp_path / "libraries").exists()


def test_without_a_network_the_error_says_where_a_file_may_be_put(registry, tmp_path):
    content = archive(**{"package/dist/index.js": b"export {};"})
    registry.stop()
    with pytest.raises(UserError) as caught:
        package(content).unpack(tmp_path / "libraries")
    message = str(caught.value)
    assert message.startswith(f"{registry.url}/npm/@some/tools/-/tools-1.2.3.tgz must be")
    cached = tmp_path / "keras/gsf_tf/some-tools-1.2.3.tgz"
    assert message.endswith(f"Download it in another way and put it at {cached}.")
    cached.write_bytes(content)
    package(content).unpack(tmp_path / "libraries")
    assert (tmp_path / "libraries/tools/index.js").exists()


def unconvertible():
    """Returns a model with an operation that LiteRT has no builtin of."""
    clip = keras.Input((2, 4, 4, 3), dtype="uint8")
    mean = keras.ops.mean(keras.ops.cast(clip, "float32"), axis=(1, 2, 3))
    return keras.Model(clip, keras.ops.erfinv(mean / 256))


def test_a_model_that_cannot_be_converted(monkeypatch, tmp_path):
    monkeypatch.setattr(web_page, "PAGE_LIBRARIES", ())
    (tmp_path / "empty").mkdir()
    with pytest.raises(ExportError, match="must have builtin operations only"):
        export_web_page(unconvertible(), LABELS, tmp_path / "empty" / "page")
    assert list((tmp_path / "empty").iterdir()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "int7"}, "Did you mean 'int8'"),
        ({"kind": "int8"}, "needs `calibration`"),
        ({"calibration": np.zeros((2, 2, 4, 3, 3), np.uint8)}, "the shape .None, 2, 4, 4, 3"),
    ],
)
def test_arguments_that_break_a_rule(options, message, tmp_path):
    with pytest.raises(UserError, match=message):
        export_web_page(unconvertible(), LABELS, tmp_path / "page", **options)
    assert list(tmp_path.iterdir()) == []
