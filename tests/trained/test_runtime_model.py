"""LiteRT and ONNX files that are no exports, or cannot be run. Good ones: `tests/export`."""

import sys

import pytest

from gsf_tf.errors import UserError
from gsf_tf.trained import open_model

SAID = '{"short_side": 32, "sampling": "segments"}'


@pytest.mark.parametrize("name", ["a.tflite", "1/a.onnx"])
def test_files_that_are_no_models(tmp_path, name, monkeypatch):
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(b"no model")
    with pytest.raises(UserError, match=r"without it .*preprocessing\.json"):
        open_model(file)
    with pytest.raises(UserError, match="has neither config.json nor saved_model.pb"):
        open_model(tmp_path)
    (tmp_path / "preprocessing.json").write_text(SAID)
    for path in (file, tmp_path):
        with pytest.raises(UserError, match="must be a file that `export_litert` or"):
            open_model(path)
    # By its bare name, too.
    monkeypatch.chdir(file.parent)
    with pytest.raises(UserError, match="must be a file that `export_litert` or"):
        open_model(file.name)
    package = "onnxruntime" if name.endswith("onnx") else "ai_edge_litert"
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UserError, match=rf"need the package '{package}'.*gsf_tf\[(onnx|litert)\]"):
        open_model(file)
