import pytest

from gsf_tf.data import DataError
from gsf_tf.data.listing.datasets import OFFICIAL_DATASETS, Kinetics400, Kinetics600, Kinetics700
from tests.data.record_reader import prepare
from tests.data.video_maker import make_video

HEADER = "label,youtube_id,time_start,time_end,split"

TRAINING = f"""{HEADER},is_cc
testifying,---QUuC4vJs,84,94,train,0
"passing American football (not in game)",-0_AbC9dEfG,0,10,train,0
massaging person's head,_2cc7Q9o0XI,5,15,train,0
testifying,3A1b2C3d4E5,1800,1810,train,0
"""

VALIDATION = f"""{HEADER}
massaging person's head,0wR5jVB-WPk,417,427,val
"""


@pytest.fixture
def lists(tmp_path):
    folder = tmp_path / "lists"
    folder.mkdir()
    (folder / "train.csv").write_text(TRAINING)
    (folder / "validate.csv").write_bytes(VALIDATION.replace("\n", "\r\n").encode())
    return folder


LAYOUTS = {
    "spaces": (
        "testifying/---QUuC4vJs_000084_000094.mp4",
        "passing American football (not in game)/-0_AbC9dEfG_000000_000010.mp4",
        "massaging person's head/_2cc7Q9o0XI_000005_000015.mp4",
        "massaging person's head/0wR5jVB-WPk_000417_000427.mp4",
    ),
    "underscores below splits": (
        "train/testifying/---QUuC4vJs_000084_000094.mp4",
        "train/passing_American_football_(not_in_game)/-0_AbC9dEfG_000000_000010.mkv",
        "train/massaging_person's_head/_2cc7Q9o0XI_000005_000015.mp4",
        "val/massaging_person's_head/0wR5jVB-WPk_000417_000427.mp4",
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_from_the_download_to_records(lists, tmp_path, layout):
    files = LAYOUTS[layout]
    for number, file in enumerate(files):
        make_video(tmp_path / "videos" / file, 4 + number)
    (tmp_path / "videos" / "3A1b2C3d4E5_001800_001810.mp4.part").touch()
    info, records = prepare(
        Kinetics400().list_clips(tmp_path / "videos", lists), tmp_path / "records"
    )
    football = "passing American football (not in game)"
    assert info.labels == ["massaging person's head", football, "testifying"]
    assert {name: (r.split, r.label, r.numbers) for name, r in records.items()} == {
        files[0]: ("train", "testifying", list(range(4))),
        files[1]: ("train", football, list(range(5))),
        files[2]: ("train", "massaging person's head", list(range(6))),
        files[3]: ("val", "massaging person's head", list(range(7))),
    }
    counts = info.splits["train"]
    assert (counts["found"], counts["missing"], counts["published"]) == (3, 1, 246_245)
    missing = (tmp_path / "records" / "missing.txt").read_text()
    assert missing == "train\ttestifying/3A1b2C3d4E5_001800_001810.mp4\n"


def test_a_clip_in_two_places_is_an_error(lists, tmp_path):
    for file in LAYOUTS["spaces"] + LAYOUTS["underscores below splits"][:1]:
        path = tmp_path / "videos" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    with pytest.raises(DataError, match=r"one file.*`testifying/.*`train/testifying/"):
        Kinetics400().list_clips(tmp_path / "videos", lists)


@pytest.mark.parametrize(
    "text, message",
    [
        ("label,youtube_id\n", "without time_start, time_end"),
        (f"{HEADER}\ntestifying,abc,1\n", r"shorter row at .*validate\.csv, line 2"),
        (f"{HEADER}\ntestifying,abc,one,two,val\n", r"must be seconds.*line 2"),
        (f"{HEADER}\ntestifyin,abc,1,11,val\n", r"Did you mean 'testifying'.*line 2"),
    ],
)
def test_rows_that_break_a_rule_are_named(lists, tmp_path, text, message):
    (lists / "validate.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        Kinetics400().list_clips(tmp_path, lists)


@pytest.mark.parametrize("time", ["inf", "-inf", "nan", "1e400"])
def test_a_time_must_be_finite(lists, tmp_path, time):
    (lists / "train.csv").write_text(f"{HEADER}\na,x,0,10,train\nb,y,{time},10,train\n")
    with pytest.raises(DataError, match=f"must be seconds. Received: time_start='{time}'.*line 3"):
        Kinetics400().list_clips(tmp_path, lists)


@pytest.mark.parametrize(
    "dataset, published",
    [
        (Kinetics400, {"train": 246_245, "val": 20_000}),
        (Kinetics600, {"train": 392_622, "val": 30_000}),
        (Kinetics700, {"train": 545_317, "val": 35_000}),
    ],
)
def test_lists_have_the_names_under_which_they_are_distributed(lists, tmp_path, dataset, published):
    dataset = dataset()
    number = dataset.num_classes
    assert OFFICIAL_DATASETS[f"kinetics{number}"].num_classes == number
    for file in LAYOUTS["spaces"]:
        make_video(tmp_path / "videos" / file, 4)
    (lists / "validate.csv").rename(lists / f"kinetics-{number}_val.csv")
    (lists / "train.csv").rename(lists / f"kinetics-{number}_train.csv")
    listing = dataset.list_clips(tmp_path / "videos", lists)
    assert [clip.data_path for clip in listing.clips if clip.split == "val"] == [
        "massaging person's head/0wR5jVB-WPk_000417_000427.mp4"
    ]
    assert listing.source == f"Kinetics-{number}" and listing.published == published
    (lists / f"kinetics-{number}_val.csv").rename(lists / f"kinetics-{number + 100}_val.csv")
    with pytest.raises(DataError, match=f"`kinetics-{number}_val.csv` or `validate.csv` or"):
        dataset.list_clips(tmp_path / "videos", lists)
