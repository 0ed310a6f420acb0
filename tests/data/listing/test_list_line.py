import os
import time

import pytest
from PIL import Image

from gsf_tf.data import DataError, LabelMap, RecordSettings, VideoError, list_annotated_videos
from gsf_tf.data.writing.clip_encoder import encode_clip
from tests.data.listing.test_video_list import read
from tests.data.record_reader import prepare
from tests.data.video_maker import make_frames

NUMBERED = "".join(f"{number}.mp4 {number}\n" for number in range(12))


def labels_of(listing):
    return {clip.data_path: listing.labels[clip.label] for clip in listing.clips}


def make_folder(path, count, first=1):
    path.mkdir(parents=True)
    for number in range(first, first + count):
        Image.new("RGB", (16, 12), (number, 0, 0)).save(path / f"{number:05d}.jpg")


@pytest.mark.parametrize(
    "text, line",
    [
        (NUMBERED + "x.mp4 twelve\n", "the names, the first is 'twelve' at .*line 13"),
        ("x.mp4 up\n" + NUMBERED, "the names, the first is 'up' at .*line 1"),
        ("a.mp4 up\nb.mp4 down\nc.mp4 7\n", "the numbers, the first is '7' at .*line 3"),
        (NUMBERED + "x.mp4 -1\n", "Received: '-1' at .*line 13"),
        (NUMBERED + "x.mp4 1.5\n", "Received: '1.5' at .*line 13"),
        ("a.mp4 0.0\nb.mp4 1.0\n", "Received: '0.0' at .*line 1"),
        ("a.mp4 0\nb.mp4 1e3\n", "Received: '1e3' at .*line 2"),
        ("a.mp4 0\nb.mp4 inf\n", "Received: 'inf' at .*line 2"),
        ("a.mp4 up\nb.mp4 NaN\n", "Received: 'NaN' at .*line 2"),
        ("a.mp4 up\nb.mp4 -Infinity\n", "Received: '-Infinity' at .*line 2"),
        ("a.mp4 0\nb.mp4 +1\n", r"Received: '\+1' at .*line 2"),
        ("a.mp4 nan 2 up\n", "Received: start='nan', end='2'"),
        ("a.mp4 1 inf up\n", "Received: start='1', end='inf'"),
    ],
)
def test_numbers_beside_names(tmp_path, text, line):
    with pytest.raises(DataError, match=line):
        read(tmp_path, text)


def test_numbers_in_the_validation_list_and_in_tasks(tmp_path):
    (tmp_path / "val.txt").write_text("x.mp4 two\n")
    with pytest.raises(DataError, match=r"'two' at .*val\.txt, line 1"):
        read(tmp_path, NUMBERED, val_annotations=tmp_path / "val.txt")
    with pytest.raises(DataError, match="the first is '3' at .*line 2"):
        read(tmp_path, "a.mp4 up x\nb.mp4 3 y\nc.mp4 down x\n", tasks=("verb", "noun"))


@pytest.mark.parametrize(
    "tasks", [("verb", "a/b"), ("", "noun"), ("verb", "verb"), ("action", "x")]
)
def test_names_of_tasks(tmp_path, tasks):
    with pytest.raises(DataError, match="`tasks` must be different names of letters"):
        read(tmp_path, "a.mp4 up x\nb.mp4 down y\n", tasks=tasks)


def test_a_label_map_may_hold_numbers_beside_names(tmp_path):
    labels = LabelMap(["7", "up", "-1"])
    listing = read(tmp_path, "a.mp4 up\nb.mp4 7\nc.mp4 -1\n", labels=labels)
    assert labels_of(listing) == {"a.mp4": "up", "b.mp4": "7", "c.mp4": "-1"}


@pytest.mark.parametrize(
    "header, lines",
    [
        ("path label", NUMBERED),
        ("path,label", NUMBERED),
        ("video\tclass name", NUMBERED.replace(" ", "\t")),
        ("Video Path,Class", "a.mp4,up\nb.mp4,down\n"),
        ("file_name action", "a.mp4 up\nb.mp4 down\n"),
        ("path start end label", "a.mp4 0 1 up\nb.mp4 1 2 down\n"),
        ("Datei Klasse", "a.mp4 up\nb.mp4 down\n"),
        ("Datei;Klasse", NUMBERED),
        ("folder num_frames label", "v_1 9 0\nv_2 8 1\n"),
        ("frame_dir total_frames label", "v_1 9 up\nv_2 8 down\n"),
    ],
)
def test_a_header_is_left_out_and_named(tmp_path, header, lines):
    expected = read(tmp_path, lines)
    listing = read(tmp_path, f"\ufeff# comment\n\n{header}\n{lines}".replace("\n", "\r\n"))
    assert listing.clips == expected.clips and listing.labels == expected.labels
    assert len(listing.notes) == 1 and f"{header!r} at" in listing.notes[0]
    assert "line 3" in listing.notes[0] and not expected.notes


def test_what_is_no_header(tmp_path):
    for text in ("path up\n", "clip_0 0\nclip_1 1\n", "path.mp4 up\nb.mp4 down\n", NUMBERED):
        if text != "path up\n":
            assert not read(tmp_path, text).notes
    (tmp_path / "path").mkdir()
    assert labels_of(read(tmp_path, "path up\nb.mp4 down\n")) == {"path": "up", "b.mp4": "down"}
    assert labels_of(read(tmp_path, "v_1 up\nv_2 down\n")) == {"v_1": "up", "v_2": "down"}
    with pytest.raises(DataError, match="a path and a label.*line 2"):
        read(tmp_path, "a.mp4 up\npath of label\n")


def test_one_list_for_both_splits(tmp_path):
    with pytest.raises(DataError, match=r"listed once.*'a.mp4' at .*line 1 and at .*line 1"):
        read(tmp_path, "a.mp4 up\nb.mp4 down\n", val_annotations=tmp_path / "list.txt")


@pytest.mark.parametrize(
    "train, val",
    [
        ("./a.mp4", "a.mp4"),
        ("sub//a.mp4", "sub/a.mp4"),
        ("sub/../a.mp4", "a.mp4"),
        ("{folder}/a.mp4", "a.mp4"),
        ("{folder}/./sub/a.mp4", "sub//a.mp4"),
        ("a.mp4 1.0 2", "./a.mp4 1 2.00"),
    ],
)
def test_one_file_written_in_two_ways(tmp_path, train, val):
    (tmp_path / "sub").mkdir()
    (tmp_path / "val.txt").write_text(f"{val.format(folder=tmp_path)} up\n")
    with pytest.raises(DataError, match=r"listed once.*list\.txt, line 1.*val\.txt, line 1"):
        read(
            tmp_path,
            f"{train.format(folder=tmp_path)} up\nb.mp4 down\n",
            val_annotations=tmp_path / "val.txt",
        )
    listing = read(tmp_path, f"{train.format(folder=tmp_path)} up\nb.mp4 down\n")
    assert {clip.data_path for clip in listing.clips} <= {
        "a.mp4", "b.mp4", "sub/a.mp4", "a.mp4#1.0-2"
    }  # fmt: skip


def test_a_link_before_two_dots(tmp_path):
    (tmp_path / "elsewhere/deep").mkdir(parents=True)
    (tmp_path / "elsewhere/a.mp4").touch()
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos/link").symlink_to(tmp_path / "elsewhere/deep")
    listing = read(tmp_path / "videos", "link/../a.mp4 up\na.mp4 down\n")
    assert [clip.data_path for clip in listing.clips] == ["a.mp4", "link/../a.mp4"]


@pytest.mark.parametrize(
    "text, expected",
    [
        ("a.mp4, 0\nb.mp4, 1\n", {"a.mp4": "0", "b.mp4": "1"}),
        ("a.mp4,0\nb.mp4 ,1\n", {"a.mp4": "0", "b.mp4": "1"}),
        ("a b.mp4,go up\nc.mp4, down\n", {"a b.mp4": "go up", "c.mp4": "down"}),
        ("a.mp4,0,1.5,up\nb.mp4, 1, 2, down\n", {"a.mp4#0-1.5": "up", "b.mp4#1-2": "down"}),
        ('x,y.mp4 up\n"x, z.mp4" down\n', {"x,y.mp4": "up", "x, z.mp4": "down"}),
        ('a.mp4 left,right\nb.mp4 "up, down"\n', {"a.mp4": "left,right", "b.mp4": "up, down"}),
        ('a.mp4,"up, down"\nb.mp4\tup, or\n', {"a.mp4": "up, down", "b.mp4": "up, or"}),
        ("v_1,up\nv_2, down\n", {"v_1": "up", "v_2": "down"}),
        ("x y,up\nv_2, down\n", {"x y": "up", "v_2": "down"}),
    ],
)
def test_commas(tmp_path, text, expected):
    for name in ("x", "x y"):
        (tmp_path / name).mkdir()
    assert labels_of(read(tmp_path, text)) == expected


@pytest.mark.parametrize("separator", [" ", "\t", ",", ", "])
def test_lists_of_the_tsn_family(tmp_path, separator):
    make_folder(tmp_path / "1", 3)
    make_folder(tmp_path / "sub/2", 2)
    make_folder(tmp_path / "3.mp4", 4, first=0)
    rows = [("1", "3", "0"), ("./sub/2", "1", "2", "1"), ("3.mp4", "0", "4", "1"), ("no", "9", "0")]
    text = "".join(f"{separator.join(row)}\n" for row in rows)
    assert labels_of(read(tmp_path, text)) == {"1": "0", "sub/2": "1", "3.mp4": "1", "no": "0"}
    listing = read(tmp_path, text.replace("no", "1/none"))
    assert all(clip.start is None for clip in listing.clips)
    _, records = prepare(listing, tmp_path / "records")
    assert {name: len(record.numbers) for name, record in records.items()} == {
        "1": 3, "sub/2": 2, "3.mp4": 4
    }  # fmt: skip


@pytest.mark.parametrize(
    "line, message",
    [
        ("1 4 0", "1 lines with another number: num_frames=4 for 3 files in '.*/1' at .*line 2"),
        ("1 2 0", "num_frames=2 for 3 files"),
        ("1 1 4 0", "num_frames=4 for 3 files"),
        ("1 2 3 0", "start=2, num_frames=3 for 3 files in '.*/1' at .*line 2"),
        ("1 0 2 0", "start=0, num_frames=2 for 3 files"),
        ("1 1 0 0", "start=1, num_frames=0 at .*line 2"),
        ("none 1 0 0", "start=1, num_frames=0 at .*line 2"),
        ("1 2 99999999999999 0", "start=2, num_frames=99999999999999 for 3 files"),
        ("gap 1 3 0", "start=1, num_frames=3 for 2 files in '.*/gap'"),
        ("empty 3 0", "num_frames=3 for 0 files"),
        ("clip.mp4 3 0", "a path and a label.*folder of frames.*line 2"),
        ("file 3 0", "a path and a label.*folder of frames.*line 2"),
        ("1 3.0 0", "a path and a label"),
    ],
)
def test_numbers_of_frames_are_checked(tmp_path, line, message):
    make_folder(tmp_path / "1", 3)
    make_folder(tmp_path / "2", 2)
    make_folder(tmp_path / "gap", 3)
    (tmp_path / "gap/00002.jpg").unlink()
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=message):
        read(tmp_path, f"2 2 1\n{line}\n")


@pytest.mark.parametrize("first", [0, 1])
def test_parts_of_a_folder_of_frames(tmp_path, first):
    """Frames of a part are those that its numbers name, whatever its neighbors are."""
    make_frames(tmp_path / "kitchen", 12, first=first)
    make_frames(tmp_path / "whole", 3, first=first)
    for name in ("00001.jpg", "00012.jpg"):  # Of the folder, but of no part.
        (tmp_path / "kitchen" / name).write_bytes(b"no picture")
    text = "kitchen 3 4 0\nkitchen 5 6 1\nwhole 3 1\nnone 7 2 0\nnone 9 2 1\n"
    listing = read(tmp_path, text + f"./whole {first + 1} 1 0\n")
    part = f"whole#{first + 1}-{first + 1}"
    assert labels_of(listing) == {
        "kitchen#3-6": "0", "kitchen#5-10": "1", "whole": "1", part: "0",
        "none#7-8": "0", "none#9-10": "1",
    }  # fmt: skip
    info, records = prepare(listing, tmp_path / "records")
    assert {name: list(record.numbers) for name, record in records.items()} == {
        "kitchen#3-6": [n - first for n in range(3, 7)],
        "kitchen#5-10": [n - first for n in range(5, 11)],
        "whole": [0, 1, 2],
        part: [1],
    }
    assert records["kitchen#5-10"].context["gsf_tf/index_base"] == 5
    fingerprints = {read(tmp_path, text + end).fingerprint() for end in
                    ("kitchen 4 2 0\n", "kitchen 4 3 0\n", "kitchen 5 2 0\n")}  # fmt: skip
    assert len(fingerprints) == 3


def test_huge_numbers_of_parts(tmp_path):
    make_folder(tmp_path / "1", 3)
    (tmp_path / "1/00003.jpg").rename(tmp_path / f"1/{10**18}.jpg")
    begin = time.process_time()
    with pytest.raises(DataError, match=f"start=2, num_frames={10**18 - 1} for 3 files"):
        read(tmp_path, f"1 2 {10**18 - 1} 0\n")
    listing = read(tmp_path, f"1 {10**18} 1 0\nnone 1 {10**4000} 1\n")
    assert [clip.frames for clip in listing.clips] == [(10**18, 1), (1, 10**4000)]
    assert time.process_time() - begin < 1


def test_parts_of_a_folder_that_cannot_be_read(tmp_path, monkeypatch):
    make_folder(tmp_path / "1", 3)
    listdir = os.listdir

    def ask(path):
        if str(path) == str(tmp_path / "1"):
            raise PermissionError(13, "Permission denied", str(path))
        return listdir(path)

    monkeypatch.setattr(os, "listdir", ask)
    listing = read(tmp_path, "1 2 2 0\n1 9 7 1\n")
    assert [clip.frames for clip in listing.clips] == [(2, 2), (9, 7)]
    for clip in listing.clips:
        with pytest.raises(VideoError, match="cannot be read .Permission denied"):
            encode_clip(clip, RecordSettings())


@pytest.mark.parametrize(
    "text", ["a" * 200_000, "a\0b", "a," * 100_000], ids=["long", "null", "many"]
)
def test_comments_of_any_text(tmp_path, text):
    assert len(read(tmp_path, f"#{text}\na.mp4 up\nb.mp4 down\n").clips) == 2


def test_parts_that_are_listed_twice(tmp_path):
    make_folder(tmp_path / "1", 5)
    with pytest.raises(DataError, match="listed once.*'1#2-4' at .*line 1 and at .*line 2"):
        read(tmp_path, "1 2 3 0\n./1 02 3 1\n")


def test_a_list_that_counts_frames_from_zero(tmp_path):
    """One line alone shows it, and the parts of the others would be one frame early."""
    make_folder(tmp_path / "1", 5)
    make_folder(tmp_path / "2", 5)
    with pytest.raises(DataError, match="start=0 at .*line 1.*part '2#3-4' at .*line 2.*add 1"):
        read(tmp_path, "1 0 5 0\n2 3 2 1\n")
    make_folder(tmp_path / "3", 5, first=0)
    assert len(read(tmp_path, "3 0 5 0\n2 3 2 1\n3 0 2 1\n").clips) == 3


@pytest.mark.parametrize("name", ["#1.mp4", "a\x0bb.mp4", "a\u2028b.mp4", "a\x85b.mp4", "[b].mp4"])
def test_names_in_a_list_are_literal(tmp_path, name):
    (tmp_path / name).touch()
    listing = read(tmp_path, f"# {name} is a comment\n{name} up\nb.mp4 down\n#x.mp4 up\n")
    assert labels_of(listing) == {name: "up", "b.mp4": "down"}


def test_byte_order_marks_and_line_ends(tmp_path):
    for end in ("\n", "\r\n", "\n\n\r\n"):
        (tmp_path / "labels.txt").write_bytes(f"\ufeffup{end}".encode() + b"down\n")
        (tmp_path / "list.txt").write_bytes(b"\xef\xbb\xbfa.mp4 up\r\nb.mp4 down\r\n\r\n")
        if end == "\n\n\r\n":
            (tmp_path / "labels.txt").write_bytes(b"\xef\xbb\xbfup\r\ndown\r\n\r\n")
        labels = LabelMap.load(tmp_path / "labels.txt")
        assert list(labels) == ["up", "down"]
        listing = list_annotated_videos(tmp_path, tmp_path / "list.txt", labels=labels)
        assert labels_of(listing) == {"a.mp4": "up", "b.mp4": "down"}


@pytest.mark.parametrize(
    "nothing", ['""', '" "', '"",""', " , ", '\t""', '"\xa0"', '"\t"', '""\u3000""']
)
def test_empty_fields_are_a_blank_line(nothing, tmp_path):
    for text in (f"a.mp4 up\n{nothing}\nb.mp4 down\n", f"{nothing}\na.mp4 up\nb.mp4 down\n"):
        assert labels_of(read(tmp_path, text)) == {"a.mp4": "up", "b.mp4": "down"}


def test_commas_between_quoted_names_of_folders_that_are_not_there(tmp_path):
    listing = read(tmp_path, 'x,"a b"\n"y z","c"\n')
    assert labels_of(listing) == {"x": "a b", "y z": "c"}


def test_a_comma_and_a_quote_in_the_name_of_a_clip(tmp_path):
    assert labels_of(read(tmp_path, 'a,"b.mp4 up\nc.mp4 down\n')) == {
        'a,"b.mp4': "up",
        "c.mp4": "down",
    }
