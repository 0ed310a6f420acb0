import importlib.util
from pathlib import Path

import pytest

from gsf_tf.ops import library

ROOT = Path(__file__).resolve().parents[2]
BUILT_IN_PLACE = ROOT / "gsf_tf" / "ops"


@pytest.fixture
def build_info_module():
    path = ROOT / "custom_ops" / "build_info.py"
    spec = importlib.util.spec_from_file_location("build_info", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_library_was_built_from_this_tree(build_info_module):
    info = library.build_info()
    if info is None or info.get("failure") or library.LIBRARY_PATH.parent != BUILT_IN_PLACE:
        pytest.skip("the library is not built in place (pip install -e .)")
    assert info["source_sha256"] == build_info_module.source_hash(), (
        "custom_ops has changed since the library was built; run `pip install -e .` again"
    )


def test_source_hash_sees_content_and_names(build_info_module, tmp_path):
    def hash_of(**files):
        for path in tmp_path.iterdir():
            path.unlink()
        for stem, content in files.items():
            (tmp_path / f"{stem}.cc").write_text(content)
        return build_info_module.source_hash(tmp_path)

    hashes = [hash_of(a="1", b="2"), hash_of(a="2", b="1"), hash_of(a="1", c="2"), hash_of(a="12")]
    assert len(set(hashes)) == len(hashes)
    assert hash_of(b="2", a="1") == hashes[0]


def test_every_source_file_is_listed():
    listed = (ROOT / "custom_ops" / "sources.bzl").read_text()
    for suffix in ("h", "cc", "cu"):
        for path in (ROOT / "custom_ops").rglob(f"*.{suffix}"):
            assert f'"{path.relative_to(ROOT).as_posix()}"' in listed
