import pytest

from gsf_tf.data import DataError, read_quarantine
from gsf_tf.data.listing.datasets import Epic100
from tests.data.record_reader import prepare
from tests.data.video_maker import make_video

HEADER = (
    "narration_id,participant_id,video_id,narration_timestamp,start_timestamp,stop_timestamp,"
    "start_frame,stop_frame,narration,verb,verb_class,noun,noun_class,all_nouns,all_noun_classes"
)

# The frame numbers count 60 per second, the miniature videos have 10.
TRAINING = f"""{HEADER}
P01_01_0,P01,P01_01,00:00:01.089,00:00:00.14,00:00:01.37,8,82,open door,open,3,door,1,['door'],[1]
P01_01_1,P01,P01_01,00:00:02.629,00:00:02.5,00:00:03.00,150,180,turn on light,turn-on,0,light,2,\
['light'],[2]
P01_01_10,P01,P01_01,00:00:02.9,00:00:02.60,00:00:03.20,156,192,"take salt, plate",take,1,salt,0,\
"['salt', 'plate']","[0, 3]"
P01_01_11,P01,P01_01,00:00:09.00,00:00:09.00,00:00:10.00,540,600,open door,open,3,door,1,\
['door'],[1]
P02_07_3,P02,P02_07,00:00:01.00,00:00:01.00,00:00:02.00,60,120,open door,open,3,door,1,['door'],[1]
"""

VALIDATION = f"""{HEADER}
P01_102_0,P01,P01_102,00:01:00.0,00:00:00.00,00:00:00.5,1,25,open salt,open,3,salt,0,['salt'],[0]
"""

VERBS = """id,key,instances,category
0,turn-on,"['turn-on', 'start']",manipulate
1,take,"['take', 'grab']",retrieve
2,put,['put'],leave
3,open,['open'],access
"""

NOUNS = """id,key,instances,category
0,salt,['salt'],spices
1,door,"['door', 'door:oven']",appliances
2,light,['light'],appliances
3,board:chopping,"['board:chopping', 'board']",utensils
"""


@pytest.fixture
def downloads(tmp_path):
    lists = tmp_path / "lists"
    lists.mkdir()
    for name, text in (("train", TRAINING), ("validation", VALIDATION),
                       ("verb_classes", VERBS), ("noun_classes", NOUNS)):  # fmt: skip
        (lists / f"EPIC_100_{name}.csv").write_text(text)
    for name in ("P01_01", "P01_102"):
        make_video(tmp_path / "EPIC/P01/videos" / f"{name}.mp4", 45).rename(
            tmp_path / "EPIC/P01/videos" / f"{name}.MP4"
        )
    return tmp_path / "EPIC", lists


def test_from_the_download_to_records(downloads, tmp_path):
    info, records = prepare(Epic100().list_clips(*downloads), tmp_path / "records")
    # Sorted by (verb, noun): (0, 2), (1, 0), (3, 0), (3, 1).
    assert info.labels == ["turn-on light", "take salt", "open salt", "open door"]
    assert info.task_classes == {
        "verb": ["turn-on", "take", "put", "open"],
        "noun": ["salt", "door", "light", "board:chopping"],
    }
    found = {
        name.removeprefix("P01/videos/"): (
            record.split,
            record.context["clip/label/index"],
            record.context["verb/clip/label/index"],
            record.context["noun/clip/label/string"],
            record.numbers,
        )
        for name, record in records.items()
    }
    assert found == {
        "P01_01.MP4#P01_01_0": ("train", 3, 3, "door", list(range(2, 14))),
        "P01_01.MP4#P01_01_1": ("train", 0, 0, "light", list(range(25, 30))),
        "P01_01.MP4#P01_01_10": ("train", 1, 1, "salt", list(range(26, 32))),
        "P01_102.MP4#P01_102_0": ("val", 2, 3, "salt", list(range(5))),
    }
    record = records["P01/videos/P01_01.MP4#P01_01_1"]
    assert record.seconds == pytest.approx([2.5, 2.6, 2.7, 2.8, 2.9])
    assert record.context["clip/start/timestamp"] == 2_500_000
    assert record.context["clip/end/timestamp"] == 3_000_000
    assert record.context["clip/media_id"] == "P01_01"


def test_parts_that_are_not_there_are_counted(downloads, tmp_path):
    info, _ = prepare(Epic100().list_clips(*downloads), tmp_path / "records")
    counts = info.splits["train"]
    assert [counts[key] for key in ("published", "found", "missing", "quarantined", "clips")] == [
        67_217, 4, 1, 1, 3,
    ]  # fmt: skip
    missing = (tmp_path / "records" / "missing.txt").read_text()
    assert missing == "train\tP02/videos/P02_07.MP4#P02_07_3\n"
    (quarantined,) = read_quarantine(str(tmp_path / "records"))
    assert quarantined.path.endswith("#P01_01_11")
    assert "from 9.0 s to 10.0 s is not complete, the video ends at 4.50 s" in quarantined.reason


@pytest.mark.parametrize(
    "name, old, new, message",
    [
        ("train", ",open,3,door,1,", ",open,4,door,1,", r"0\.\.3.*Received: '4' at .*line 2"),
        ("train", ",salt,0,", ",salt,9,", r"Received: '9' at .*train\.csv, line 4"),
        ("train", "00:00:01.37", "1.37", r"hours:minutes:seconds. Received: '1.37' at .*line 2"),
        (
            "verb_classes",
            "2,put",
            "7,put",
            r"0, 1, 2.*Received: '7' at .*verb_classes\.csv, line 4",
        ),
    ],
)
def test_rows_that_break_a_rule_are_named(downloads, name, old, new, message):
    path = downloads[1] / f"EPIC_100_{name}.csv"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(DataError, match=message):
        Epic100().list_clips(*downloads)
