import pytest

from gsf_tf.data import DataError, LabelMap, list_annotated_videos


def read(folder, text, **arguments):
    path = folder / "list.txt"
    path.write_text(text, encoding="utf-8")
    return list_annotated_videos(folder, path, **arguments)


def test_names_and_separators(tmp_path):
    listing = read(
        tmp_path,
        '# comment\n\nc.mp4 up\nsub/a b.mp4\tmoving left\n"d e.mp4" "moving left"\nf.mp4   up  \n',
    )
    assert list(listing.labels) == ["moving left", "up"]
    assert [(clip.data_path, clip.label, clip.split) for clip in listing.clips] == [
        ("c.mp4", 1, None),
        ("d e.mp4", 0, None),
        ("f.mp4", 1, None),
        ("sub/a b.mp4", 0, None),
    ]
    assert listing.clips[3].path == str(tmp_path / "sub" / "a b.mp4")


def test_indices(tmp_path):
    listing = read(tmp_path, "a.mp4 1\nb.mp4 0\nc.mp4 10\n" + _lines(range(2, 10)))
    assert listing.labels.names == tuple(map(str, range(11)))
    assert {clip.data_path: clip.label for clip in listing.clips}["c.mp4"] == 10
    named = read(tmp_path, "a.mp4 1\n", labels=LabelMap(["x", "y"]))
    assert named.clips[0].label == 1 and list(named.labels) == ["x", "y"]


def _lines(numbers):
    return "".join(f"{number}.mp4 {number}\n" for number in numbers)


def test_two_lists(tmp_path):
    (tmp_path / "val.txt").write_text("c.mp4 up\n")
    listing = read(tmp_path, "a.mp4 up\nb.mp4 down\n", val_annotations=tmp_path / "val.txt")
    assert [clip.split for clip in listing.clips] == ["train", "train", "val"]
    (tmp_path / "val.txt").write_text("c.mp4 sideways\n")
    with pytest.raises(DataError, match=r"'sideways'.*val\.txt, line 1"):
        read(tmp_path, "a.mp4 up\nb.mp4 down\n", val_annotations=tmp_path / "val.txt")


@pytest.mark.parametrize(
    "text, arguments, message",
    [
        ("", {}, "at least one line"),
        ("a.mp4\n", {}, r"a path and a label.*line 1"),
        ("a.mp4 up\nb c.mp4 up\n", {}, r"tab or double quotes.*'b c.mp4 up'.*line 2"),
        ("a.mp4 up\na.mp4 down\n", {}, r"listed once.*line 1.*line 2"),
        ("a.mp4 0\nb.mp4 2\n", {}, r"without \[1\]"),
        ("a.mp4 up\nb.mp4 up\n", {}, "two classes"),
        ("a.mp4 upp\n", {"labels": LabelMap(["up", "down"])}, r"Did you mean 'up'.*line 1"),
        ("a.mp4 2\n", {"labels": LabelMap(["up", "down"])}, r"0\.\.1.*Received 2"),
    ],
)
def test_lists_that_break_a_rule(tmp_path, text, arguments, message):
    with pytest.raises(DataError, match=message):
        read(tmp_path, text, **arguments)


def test_missing_files(tmp_path):
    with pytest.raises(DataError, match=r"none\.txt.*No such file"):
        list_annotated_videos(tmp_path, tmp_path / "none.txt")
    (tmp_path / "list.txt").write_text("a.mp4 up\n")
    with pytest.raises(DataError, match="folder that exists"):
        list_annotated_videos(tmp_path / "none", tmp_path / "list.txt")
    (tmp_path / "list.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="UTF-8"):
        list_annotated_videos(tmp_path, tmp_path / "list.txt")
