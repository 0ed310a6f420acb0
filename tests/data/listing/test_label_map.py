import pytest

from gsf_tf.data import DataError, LabelMap


def test_round_trip(tmp_path):
    labels = LabelMap(["b", "a", "Turning [something] left", "größer"])
    labels.save(tmp_path / "labels.txt")
    text = (tmp_path / "labels.txt").read_bytes().decode()
    assert text == "b\na\nTurning [something] left\ngrößer\n"
    loaded = LabelMap.load(tmp_path / "labels.txt")
    assert loaded == labels and loaded.fingerprint == labels.fingerprint
    assert list(loaded) == list(labels.names) and loaded[2] == "Turning [something] left"
    assert [loaded.index_of(name) for name in labels] == [0, 1, 2, 3]


def test_line_ends_of_windows(tmp_path):
    (tmp_path / "labels.txt").write_bytes(b"a\r\nb\r\n")
    assert LabelMap.load(tmp_path / "labels.txt").names == ("a", "b")


def test_fingerprint_depends_on_names_and_order():
    prints = {LabelMap(names).fingerprint for names in (["a", "b"], ["b", "a"], ["ab"], ["a"])}
    assert len(prints) == 4


@pytest.mark.parametrize(
    "names, message",
    [
        ([], "at least one name"),
        (["a", ""], "''"),
        (["a", "b", "a"], r"names\[0\]='a', names\[2\]='a'"),
        (["a\nb"], "one line"),
        ([" a"], "spaces"),
    ],
)
def test_names_that_break_a_rule(names, message):
    with pytest.raises(DataError, match=message):
        LabelMap(names)


def test_unknown_name_lists_similar_ones():
    labels = LabelMap(["moving left", "moving right", "up"])
    with pytest.raises(DataError, match="'moving left'"):
        labels.index_of("movin left")
    with pytest.raises(DataError, match="first names are 'moving left'"):
        labels.index_of("zzz")


def test_missing_and_damaged_files(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        LabelMap.load(tmp_path / "labels.txt")
    (tmp_path / "labels.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match="UTF-8"):
        LabelMap.load(tmp_path / "labels.txt")
    (tmp_path / "labels.txt").write_text("a\n\nb\n")
    with pytest.raises(DataError, match=r"names\[1\]"):
        LabelMap.load(tmp_path / "labels.txt")
