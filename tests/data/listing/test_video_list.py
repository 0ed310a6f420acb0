import pytest

from gsf_tf.data import DataError, LabelMap, list_annotated_videos
from tests.data.record_reader import prepare
from tests.data.video_maker import make_video


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


def test_parts_of_videos(tmp_path):
    listing = read(
        tmp_path, 'a.mp4 0 1.5 up\na.mp4 1.5 2 down\n"b c.mp4" 3 4.25 up\nd.mp4\t1\t2\tgo up\n'
    )
    assert [(clip.data_path, clip.start, clip.stop) for clip in listing.clips] == [
        ("a.mp4#0-1.5", 0, 1.5),
        ("a.mp4#1.5-2", 1.5, 2),
        ("b c.mp4#3-4.25", 3, 4.25),
        ("d.mp4#1-2", 1, 2),
    ]
    assert [listing.labels[clip.label] for clip in listing.clips] == ["up", "down", "up", "go up"]
    assert listing.clips[2].path == str(tmp_path / "b c.mp4")


def test_several_labels_make_a_class(tmp_path):
    (tmp_path / "val.txt").write_text("d.mp4 take fork\n")
    listing = read(
        tmp_path,
        "a.mp4 wash plate\nb.mp4 1 2 take plate\nc.mp4 wash fork\n",
        val_annotations=tmp_path / "val.txt",
        tasks=("verb", "noun"),
    )
    assert list(listing.labels) == ["take fork", "take plate", "wash fork", "wash plate"]
    assert {name: list(labels) for name, labels in listing.task_classes.items()} == {
        "verb": ["take", "wash"],
        "noun": ["fork", "plate"],
    }
    assert [(clip.data_path, clip.label, clip.task_labels) for clip in listing.clips] == [
        ("a.mp4", 3, (1, 1)),
        ("b.mp4#1-2", 1, (0, 1)),
        ("c.mp4", 2, (1, 0)),
        ("d.mp4", 0, (0, 0)),
    ]


def test_from_a_list_to_records(tmp_path):
    for number, name in enumerate("ab"):
        make_video(tmp_path / f"{name}.mp4", 20 + number)
    (tmp_path / "val.txt").write_text("a.mp4 open door\n")
    listing = read(
        tmp_path,
        "a.mp4 0.5 1 open box\nb.mp4 1.8 2.1 close door\nb.mp4 close box\n",
        val_annotations=tmp_path / "val.txt",
        tasks=("verb", "noun"),
    )
    info, records = prepare(listing, tmp_path / "records")
    found = {
        name: (
            record.split,
            record.label,
            record.context["verb/clip/label/string"],
            record.context["noun/clip/label/index"],
            record.numbers,
        )
        for name, record in records.items()
    }
    assert found == {
        "a.mp4": ("val", "open door", "open", 1, list(range(20))),
        "a.mp4#0.5-1": ("train", "open box", "open", 0, list(range(5, 10))),
        "b.mp4": ("train", "close box", "close", 0, list(range(21))),
        "b.mp4#1.8-2.1": ("train", "close door", "close", 1, [18, 19, 20]),
    }
    assert info.source == "list" and info.flip_pairs is None


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
        ("a.mp4 up\nb c.mp4 up\n", {}, r"tabs or double quotes.*'b c.mp4 up'.*line 2"),
        ("a.mp4 up\na.mp4 down\n", {}, r"listed once.*line 1.*line 2"),
        ("a.mp4 0\nb.mp4 2\n", {}, r"without \[1\]"),
        ("a.mp4 up\nb.mp4 up\n", {}, "two classes"),
        ("a.mp4 upp\n", {"labels": LabelMap(["up", "down"])}, r"Did you mean 'up'.*line 1"),
        ("a.mp4 2\n", {"labels": LabelMap(["up", "down"])}, r"0\.\.1.*Received: 2"),
        ("a.mp4 120 3\n", {}, r"a path and a label.*start and end.*line 1"),
        ("a.mp4 2 1 up\n", {}, r"0 <= start < end. Received: start='2', end='1'.*line 1"),
        ("a.mp4 one two up\n", {}, r"Received: start='one', end='two'.*line 1"),
        ("a.mp4 1 2 up\na.mp4 1 2 up\n", {}, r"listed once. Received: 'a.mp4#1-2'"),
        ("a.mp4 up\n", {"tasks": ("verb", "noun")}, "a path and 2 labels"),
        ("a b c\n", {"tasks": "vn", "labels": LabelMap(["a"])}, "must be left out"),
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


def test_huge_labels_and_numbers_take_no_memory(tmp_path):
    with pytest.raises(DataError, match=r"without \[1, 2, 3, 4, 5, 6, 7, 8, 9, 10\]"):
        read(tmp_path, f"a.mp4 0\nb.mp4 {10**15}\n")
    (tmp_path / "frames").mkdir()
    with pytest.raises(DataError, match="for 0 files"):
        read(tmp_path, f"frames {10**15} 0\nb.mp4 1\n")


@pytest.mark.parametrize("line", ["a.mp4 " + "9" * 5000, "a" * 200_000 + " 0", "a\0.mp4 0",
                                  '"' + "a" * 140_000 + '" 0', "frames " + "9" * 5000 + " 0",
                                  "a.mp4," * 20_000])  # fmt: skip
def test_lines_that_are_no_text_of_a_list(tmp_path, line):
    (tmp_path / "frames").mkdir()
    with pytest.raises(DataError, match="fields of at most 4096 characters.*line 2"):
        read(tmp_path, f"b.mp4 1\n{line}\n")
