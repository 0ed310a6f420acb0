"""Files that are either complete or not there."""

import resource

import pytest
import tensorflow as tf

from gsf_tf.files.whole_file import refresh_copy, write_whole_file


def test_a_file_gets_its_content_and_then_another(tmp_path):
    path = tmp_path / "a.txt"
    for text in ("Füße\n", "shorter", ""):
        write_whole_file(path, text)
        assert path.read_text(encoding="utf-8") == text
    assert list(tmp_path.iterdir()) == [path]


@pytest.fixture
def full_disk():
    """No file may grow beyond 20 bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_that_is_full(tmp_path, full_disk):
    path = tmp_path / "a.txt"
    write_whole_file(path, "before")
    with pytest.raises(tf.errors.OpError):
        write_whole_file(path, "after" * 10)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_copy_that_does_not_fit(tmp_path, request):
    path, copies = tmp_path / "a.txt", tmp_path / "copies"
    path.write_text("text" * 10)
    request.getfixturevalue("full_disk")
    with pytest.raises(tf.errors.OpError):
        refresh_copy(str(path), str(copies / "a.txt"), 40)
    assert list(copies.iterdir()) == []


def test_no_folder(tmp_path):
    with pytest.raises(tf.errors.NotFoundError):
        write_whole_file(tmp_path / "none" / "a.txt", "text")
    assert list(tmp_path.iterdir()) == []
