import pytest

from gsf_tf.data import DataError
from gsf_tf.data.listing.datasets import Ucf101
from tests.data.record_reader import prepare
from tests.data.video_maker import make_video

CLASSES = ("ApplyEyeMakeup", "HandstandPushups", "YoYo")


def clip(name, group, number=1):
    return f"{name}/v_{name}_g{group:02d}_c{number:02d}.avi"


@pytest.fixture
def downloads(tmp_path):
    lists = tmp_path / "ucfTrainTestlist"
    lists.mkdir()
    numbered = [f"{number} {name}" for number, name in enumerate(CLASSES, start=1)]
    (lists / "classInd.txt").write_bytes("\r\n".join([*numbered, ""]).encode())
    for variant, groups in (("1", (8, 9, 1)), ("2", (1, 8, 9))):
        *training, test = groups
        training = [f"{clip(name, g)} {number}" for number, name in enumerate(CLASSES, start=1)
                    for g in training]  # fmt: skip
        tests = [clip(name, test) for name in CLASSES]
        for name, lines in (("train", training), ("test", tests)):
            text = "\r\n".join([*lines, ""])
            (lists / f"{name}list0{variant}.txt").write_bytes(text.encode())
    for number, name in enumerate(CLASSES):
        for group in (1, 8, 9):
            make_video(tmp_path / "UCF-101" / clip(name, group), group + number, 60, 80)
    return tmp_path / "UCF-101", lists


@pytest.mark.parametrize("variant, test_group", [("1", 1), ("2", 9)])
def test_from_the_download_to_records(downloads, tmp_path, variant, test_group):
    info, records = prepare(Ucf101().list_clips(*downloads, variant), tmp_path / "records")
    assert info.labels == list(CLASSES) and info.source == f"UCF101 split {variant}"
    assert len(records) == 9
    for number, name in enumerate(CLASSES):
        for group in (1, 8, 9):
            record = records[clip(name, group)]
            assert record.split == ("val" if group == test_group else "train")
            assert (record.label, record.context["clip/label/index"]) == (name, number)
            assert record.numbers == list(range(group + number))
    published = {name: split["published"] for name, split in info.splits.items()}
    assert sum(published.values()) == 13_320


def test_missing_clips_are_counted(downloads, tmp_path):
    (downloads[0] / clip("YoYo", 8)).unlink()
    listing = Ucf101().list_clips(*downloads)
    assert [missing.data_path for missing in listing.missing] == [clip("YoYo", 8)]
    assert len(listing.clips) == 8


@pytest.mark.parametrize(
    "name, text, message",
    [
        ("trainlist01.txt", "YoYo/a.avi 2\n", r"must be 3.*Received: 2 at .*list01\.txt, line 1"),
        ("trainlist01.txt", "YoYo/a.avi 3\nYoyo/b.avi 3\n", r"Did you mean 'YoYo'.*line 2"),
        ("classInd.txt", "0 YoYo\n", r"counted from 1.*line 1"),
    ],
)  # fmt: skip
def test_lines_that_break_a_rule_are_named(downloads, name, text, message):
    (downloads[1] / name).write_text(text)
    with pytest.raises(DataError, match=message):
        Ucf101().list_clips(*downloads)


def test_an_unknown_split_and_a_missing_list_are_named(downloads):
    with pytest.raises(DataError, match="one of 1, 2, 3. Received: split='4'"):
        Ucf101().list_clips(*downloads, "4")
    with pytest.raises(DataError, match="holds `trainlist03.txt`"):
        Ucf101().list_clips(*downloads, "3")
